"""Invented companies for samples, with numbers that pass the checks of their countries."""

from typing import Final

from attrs import frozen


@frozen
class SampleParty:
    """A company that does not exist.

    Attributes:
        prefix: The prefix of its document numbers.
        enterprise_number: Its number in the national register, without punctuation.
    """

    name: str
    prefix: str
    street: str
    postal_code: str
    city: str
    country: str
    enterprise_number: str
    vat_number: str
    iban: str


# After a prefix and check digits, each number begins with 999, so that invented numbers can be
# recognised.
# fmt: off
COMPANY: Final = SampleParty(
    "Café De Sluis BV", "CDS", "Kanaalkaai 12", "9000", "Gent",
    "BE", "0999000129", "BE0999000129", "BE88999999000141",
)
"""The company that uses the bridge: the customer of purchases and the supplier of sales."""

PARTNERS: Final = (
    SampleParty("Brouwerij De Molenbeek BV", "BDM", "Molenstraat 7", "9700", "Oudenaarde",
                "BE", "0999011215", "BE0999011215", "BE31999999011255"),
    SampleParty("Boulangerie du Vieux Four SRL", "BVF", "Rue du Four 3", "5000", "Namur",
                "BE", "0999022301", "BE0999022301", "BE71999999022369"),
    SampleParty("Vignobles du Coteau Perdu SARL", "VCP", "8 chemin du Coteau", "21200", "Beaune",
                "FR", "999903347", "FR88999903347", "FR7699999000010009999033461"),
    SampleParty("Groothandel Zilvervis NV", "GZV", "Vismijnlaan 40", "8400", "Oostende",
                "BE", "0999044570", "BE0999044570", "BE54999999044597"),
    SampleParty("Imprimerie L'Encre & Fils SA", "IEF", "Quai de Meuse 21", "4000", "Liège",
                "BE", "0999055656", "BE0999055656", "BE94999999055614"),
    SampleParty("Caves Kräizbierg S.à r.l.", "CKB", "4, rue des Vignes", "5550", "Remich",
                "LU", "B999667", "LU99966719", "LU229990000000999667"),
    SampleParty("Schoonmaak Blinkerd CV", "SBL", "Stationsplein 5", "2800", "Mechelen",
                "BE", "0999077828", "BE0999077828", "BE77999999077842"),
    SampleParty("Fromagerie des Trois Hêtres SAS", "FTH", "15 rue des Hêtres", "39800", "Poligny",
                "FR", "999908890", "FR33999908890", "FR7699999000010009999088945"),
    SampleParty("Elektro Vonk & Draad BV", "EVD", "Industrieweg 88", "3500", "Hasselt",
                "BE", "0999099010", "BE0999099010", "BE73999999099060"),
)
# fmt: on
"""The suppliers and customers of `COMPANY`."""
