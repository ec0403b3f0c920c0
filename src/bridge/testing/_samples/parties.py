"""Invented companies for samples: none exists, every number passes its country's check."""

from typing import Final

from attrs import frozen


@frozen
class SampleParty:
    """A company that does not exist.

    Attributes:
        prefix: What its document numbers begin with.
        enterprise_number: Its number in the national register, without punctuation.
        enterprise_scheme: The ISO 6523 code of that register, where it has one.
        endpoint: Its Peppol address, in the scheme `endpoint_scheme`.
    """

    name: str
    prefix: str
    street: str
    postal_code: str
    city: str
    country: str
    enterprise_number: str
    enterprise_scheme: str | None
    vat_number: str
    endpoint: str
    endpoint_scheme: str
    iban: str


def structured_reference(number: int) -> str:
    """Return the Belgian payment reference of `number`: ten digits and their remainder by 97."""
    digits = f"{number % 10**10:010d}"
    digits += f"{int(digits) % 97 or 97:02d}"
    return f"+++{digits[:3]}/{digits[3:7]}/{digits[7:]}+++"


def iban(country: str, account: str) -> str:
    """Return `account` with the country and the check digits that make it an IBAN."""
    letters = "".join(str(int(letter, 36)) for letter in account + country)
    return f"{country}{98 - int(letters + '00') % 97:02d}{account}"


def _belgian(
    name: str, prefix: str, street: str, postal_code: str, city: str, number: int
) -> SampleParty:
    # All from 0999 on, so that an invented number is known when it is met elsewhere.
    enterprise = f"0{number:07d}"
    enterprise += f"{97 - int(enterprise) % 97:02d}"
    account = f"999{number % 10**7:07d}"
    account += f"{int(account) % 97 or 97:02d}"
    return SampleParty(
        name=name,
        prefix=prefix,
        street=street,
        postal_code=postal_code,
        city=city,
        country="BE",
        enterprise_number=enterprise,
        enterprise_scheme="0208",
        vat_number=f"BE{enterprise}",
        endpoint=enterprise,
        endpoint_scheme="0208",
        iban=iban("BE", account),
    )


def _french(
    name: str, prefix: str, street: str, postal_code: str, city: str, number: int
) -> SampleParty:
    digits = f"{number:08d}"
    # Luhn: from the right, every second digit counts double, and its own digits are added.
    doubled = sum(sum(divmod(int(d) * 2, 10)) for d in digits[::-2])
    siren = digits + str(-(doubled + sum(map(int, digits[-2::-2]))) % 10)
    bank, branch, account = "99999", "00001", f"{number:011d}"
    key = 97 - (89 * int(bank) + 15 * int(branch) + 3 * int(account)) % 97
    return SampleParty(
        name=name,
        prefix=prefix,
        street=street,
        postal_code=postal_code,
        city=city,
        country="FR",
        enterprise_number=siren,
        enterprise_scheme="0002",
        vat_number=f"FR{(12 + 3 * (int(siren) % 97)) % 97:02d}{siren}",
        endpoint=siren,
        endpoint_scheme="0002",
        iban=iban("FR", f"{bank}{branch}{account}{key:02d}"),
    )


def _luxembourgish(
    name: str, prefix: str, street: str, postal_code: str, city: str, number: int
) -> SampleParty:
    vat = f"LU{number:06d}{number % 89:02d}"
    return SampleParty(
        name=name,
        prefix=prefix,
        street=street,
        postal_code=postal_code,
        city=city,
        country="LU",
        enterprise_number=f"B{number}",
        enterprise_scheme=None,
        vat_number=vat,
        endpoint=vat,
        endpoint_scheme="9938",
        iban=iban("LU", f"999{number:013d}"),
    )


COMPANY: Final = _belgian("Café De Sluis BV", "CDS", "Kanaalkaai 12", "9000", "Gent", 9_990_001)
"""The company whose space it is: the customer of purchases, the supplier of sales."""

PARTNERS: Final = (
    _belgian("Brouwerij De Molenbeek BV", "BDM", "Molenstraat 7", "9700", "Oudenaarde", 9_990_112),
    _belgian("Boulangerie du Vieux Four SRL", "BVF", "Rue du Four 3", "5000", "Namur", 9_990_223),
    _french(
        "Vignobles du Coteau Perdu SARL", "VCP", "8 chemin du Coteau", "21200", "Beaune", 99_990_334
    ),
    _belgian("Groothandel Zilvervis NV", "GZV", "Vismijnlaan 40", "8400", "Oostende", 9_990_445),
    _belgian("Imprimerie L'Encre & Fils SA", "IEF", "Quai de Meuse 21", "4000", "Liège", 9_990_556),
    _luxembourgish(
        "Caves Kräizbierg S.à r.l.", "CKB", "4, rue des Vignes", "5550", "Remich", 999_667
    ),
    _belgian("Schoonmaak Blinkerd CV", "SBL", "Stationsplein 5", "2800", "Mechelen", 9_990_778),
    _french(
        "Fromagerie des Trois Hêtres SAS",
        "FTH",
        "15 rue des Hêtres",
        "39800",
        "Poligny",
        99_990_889,
    ),
    _belgian("Elektro Vonk & Draad BV", "EVD", "Industrieweg 88", "3500", "Hasselt", 9_990_990),
)
"""Those it buys from and sells to."""
