"""Sample invoices and credit notes for companies that do not exist.

`sample` can make any number of different documents, and makes the same ones on every machine. They
follow Peppol BIS Billing 3 and pass the rules of EN 16931. The demo, the benchmarks and users'
tests use them.
"""

from attrs import evolve

from bridge.testing._samples.invoice import Sample, sample_without_files
from bridge.testing._samples.pdf import write_pdf
from bridge.testing._samples.ubl_xml import write_ubl
from bridge.ubl import Kind


def sample(
    n: int,
    *,
    kind: Kind = "invoice",
    lines: int = 3,
    pdf_size: int | None = None,
    attach_pdf: bool = True,
    sale: bool = False,
) -> Sample:
    """Make the `n`-th sample document; the same arguments always give the same bytes.

    Args:
        n: The number of the sample, from 0.
        kind: An invoice, or a credit note for the invoice with the same `n`.
        lines: The number of invoice lines, at least one.
        pdf_size: The exact size of the PDF in bytes; by default about 1.3 KB with three lines.
            With 1,500,000, the UBL with the embedded PDF has about 2 MB.
        attach_pdf: Whether the PDF is embedded in the UBL.
        sale: Whether the sample company is the supplier; by default it is the customer.

    Raises:
        ValueError: When `n` is negative, there is no line, or the PDF does not fit in `pdf_size`.
    """
    if n < 0:
        raise ValueError("samples are counted from 0")
    if lines < 1:
        raise ValueError("an invoice has at least one line")
    made = sample_without_files(n, kind, lines, sale)
    made = evolve(made, pdf=write_pdf(_page(made), size=pdf_size))
    return evolve(made, content=write_ubl(made, attach_pdf=attach_pdf))


def _page(invoice: Sample) -> list[str]:
    """Return the text lines of the PDF."""
    supplier, customer = invoice.supplier, invoice.customer
    return [
        supplier.name,
        f"{supplier.street}, {supplier.postal_code} {supplier.city} ({supplier.country})",
        f"VAT {supplier.vat_number}   IBAN {supplier.iban}",
        "",
        f"{invoice.kind.capitalize()} {invoice.number}",
        f"Date {invoice.issue_date}",
        f"For {customer.name}, {customer.street}, {customer.postal_code} {customer.city}",
        "",
        *(
            f"{line.quantity} x {line.name} at {line.price} = {line.amount}"
            for line in invoice.lines
        ),
        "",
        *(f"VAT {tax.rate} % of {tax.taxable}: {tax.amount}" for tax in invoice.taxes),
        f"Total: EUR {invoice.total}",
        f"Payment reference: {invoice.payment_reference}",
    ]
