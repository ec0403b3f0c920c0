"""Invented Belgian companies for samples; their numbers have correct check digits."""

from typing import Final

from attrs import frozen


@frozen
class SampleParty:
    """A company that does not exist.

    Attributes:
        prefix: The prefix of its document numbers.
        enterprise_number: Its number in the Belgian register, without punctuation.
    """

    name: str
    prefix: str
    street: str
    postal_code: str
    city: str
    enterprise_number: str
    vat_number: str
    iban: str


# So that invented numbers can be recognised, 999 follows the first 0 of an enterprise number and
# the check digits of an IBAN.
# fmt: off
COMPANY: Final = SampleParty(
    "Café De Sluis BV", "CDS", "Kanaalkaai 12", "9000", "Gent",
    "0999000129", "BE0999000129", "BE88999999000141",
)
"""The company that uses the bridge: the customer of purchases and the supplier of sales."""

PARTNERS: Final = (
    SampleParty("Brouwerij De Molenbeek BV", "BDM", "Molenstraat 7", "9700", "Oudenaarde",
                "0999011215", "BE0999011215", "BE31999999011255"),
    SampleParty("Boulangerie du Vieux Four SRL", "BVF", "Rue du Four 3", "5000", "Namur",
                "0999022301", "BE0999022301", "BE71999999022369"),
    SampleParty("Vignobles du Coteau Perdu SRL", "VCP", "Chemin du Coteau 8", "7120", "Estinnes",
                "0999033484", "BE0999033484", "BE14999999033483"),
    SampleParty("Groothandel Zilvervis NV", "GZV", "Vismijnlaan 40", "8400", "Oostende",
                "0999044570", "BE0999044570", "BE54999999044597"),
    SampleParty("Imprimerie L'Encre & Fils SA", "IEF", "Quai de Meuse 21", "4000", "Liège",
                "0999055656", "BE0999055656", "BE94999999055614"),
    SampleParty("Caves Kräizbierg SRL", "CKB", "Rue des Vignes 4", "6700", "Arlon",
                "0999066742", "BE0999066742", "BE37999999066728"),
    SampleParty("Schoonmaak Blinkerd CV", "SBL", "Stationsplein 5", "2800", "Mechelen",
                "0999077828", "BE0999077828", "BE77999999077842"),
    SampleParty("Fromagerie des Trois Hêtres SRL", "FTH", "Rue des Hêtres 15", "4950", "Waimes",
                "0999088914", "BE0999088914", "BE20999999088956"),
    SampleParty("Elektro Vonk & Draad BV", "EVD", "Industrieweg 88", "3500", "Hasselt",
                "0999099010", "BE0999099010", "BE73999999099060"),
)
# fmt: on
"""The suppliers and customers of `COMPANY`."""
