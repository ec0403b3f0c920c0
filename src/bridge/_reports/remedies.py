"""What a person can do about a failure, in English and French, in the words of the screens."""

from __future__ import annotations

from attrs import frozen

from _client_kit._errors import (
    ConfigurationError,
    CredentialsError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitedError,
    ServiceError,
    UnavailableError,
)
from bridge._reports.texts import Language

__all__ = ["CHECKS", "REMEDIES", "cause_of", "remedy", "title"]

"""How an error says that the company's code was given to somebody else."""


@frozen
class Text:
    """A text in each language."""

    en: str
    fr: str

    def in_language(self, lang: Language) -> str:
        """The text in one of them."""
        return self.fr if lang == "fr" else self.en


CHECKS = (
    "banqup login",
    "banqup space",
    "banqup documents",
    "zenvoices login",
    "zenvoices companies",
    "company code",
    "zenvoices inbox",
    "checkpoints",
)
"""The prerequisites of an export, in the order they are looked at."""

_TITLES: dict[str, Text] = {
    "banqup login": Text("Banqup takes the app's credentials", "Banqup accepte l'application"),
    "banqup space": Text("The app may see the space", "L'application voit l'espace"),
    "banqup documents": Text("The app may read documents", "L'application peut lire les documents"),
    "zenvoices login": Text("Zenvoices takes the login", "Zenvoices accepte la connexion"),
    "zenvoices companies": Text(
        "Right API > Companies > List access",
        "Droit API > Entreprises > Accès à la liste",
    ),
    "company code": Text("The company code is known", "Le code entreprise est connu"),
    "zenvoices inbox": Text(
        "Right API > Inbox access",
        "Droit API > Accès à la boîte de réception",
    ),
    "checkpoints": Text(
        "The checkpoint store works", "Le stockage des points de reprise fonctionne"
    ),
}

REMEDIES: dict[str, Text] = {
    "banqup login": Text(
        "Check client id and client secret of the app in Banqup's developer portal, and that they "
        "belong to this environment.",
        "Vérifiez le client id et le client secret de l'application dans le portail développeur de "
        "Banqup, et qu'ils sont bien ceux de cet environnement.",
    ),
    "banqup space": Text(
        "A space administrator must add the app's App ID in Banqup under Settings > External "
        "applications, with roles, and the APIs must be enabled on the app in the developer "
        "portal. Check the space id too.",
        "Un administrateur de l'espace doit ajouter l'App ID dans Banqup sous Paramètres > "
        "Applications externes, avec des rôles, et les API doivent être activées pour "
        "l'application dans le portail développeur. Vérifiez aussi l'identifiant de l'espace.",
    ),
    "banqup documents": Text(
        "Give the app a role that may read documents: in Banqup, Settings > External applications.",
        "Donnez à l'application un rôle qui permet de lire les documents : dans Banqup, "
        "Paramètres > Applications externes.",
    ),
    "zenvoices login": Text(
        "Check, in this order: user name and password; the organisation code; whether the user is "
        "locked (5 wrong passwords lock it for 5 minutes), must change the password at the next "
        "login, signs in by single sign-on, or is inactive. In Zenvoices: Manage > Organisation > "
        "Users. A dedicated API user is recommended.",
        "Vérifiez, dans cet ordre : l'utilisateur et le mot de passe ; le Code organisation ; si "
        "l'utilisateur est bloqué (5 mots de passe erronés le bloquent pendant 5 minutes), doit "
        "changer son mot de passe, se connecte par authentification unique, ou est inactif. Dans "
        "Zenvoices : Gérer > Organisation > Utilisateurs. Un utilisateur API dédié est conseillé.",
    ),
    "two factors": Text(
        "This user signs in with two factors, which an application cannot do. Create a dedicated "
        "API user without it in Zenvoices under Manage > Organisation > Users.",
        "Cet utilisateur se connecte avec deux facteurs, ce qu'une application ne peut pas faire. "
        "Créez un utilisateur API dédié sans cela dans Zenvoices sous Gérer > Organisation > "
        "Utilisateurs.",
    ),
    "zenvoices companies": Text(
        "Give the user the right API > Companies > List access: in Zenvoices, Manage > "
        "Organisation > Users, the list icon beside the user.",
        "Donnez à l'utilisateur le droit API > Entreprises > Accès à la liste : dans Zenvoices, "
        "Gérer > Organisation > Utilisateurs, l'icône de liste à côté de l'utilisateur.",
    ),
    "company code": Text(
        "The Company code is shown in Zenvoices under Manage > Organisation > Companies. A company "
        "is missing here when the user has no rights on it: Manage > Organisation > Users.",
        "Le Code entreprise se trouve dans Zenvoices sous Gérer > Organisation > Entreprises. Une "
        "entreprise manque ici quand l'utilisateur n'y a aucun droit : Gérer > Organisation > "
        "Utilisateurs.",
    ),
    "company code moved": Text(
        "If the companies were renumbered in Zenvoices, deactivate() this connection and make a "
        "new one with the company's code of today. Otherwise correct the codes in Zenvoices under "
        "Manage > Organisation > Companies.",
        "Si les entreprises ont été renumérotées dans Zenvoices, arrêtez cette connexion avec "
        "deactivate() et créez-en une nouvelle avec le code actuel de l'entreprise. Sinon, "
        "corrigez les codes dans Zenvoices sous Gérer > Organisation > Entreprises.",
    ),
    "zenvoices inbox": Text(
        "Give the user the right API > Inbox access, and rights on the company: in Zenvoices, "
        "Manage > Organisation > Users, the list icon beside the user.",
        "Donnez à l'utilisateur le droit API > Accès à la boîte de réception, et des droits sur "
        "l'entreprise : dans Zenvoices, Gérer > Organisation > Utilisateurs, l'icône de liste à "
        "côté de l'utilisateur.",
    ),
    "checkpoints": Text(
        "Look at the message: it names the store and what is wrong with it.",
        "Voyez le message : il nomme le stockage et ce qui ne va pas.",
    ),
    "banqup unreachable": Text(
        "Banqup could not be reached. Check the network, the proxy settings and the address of "
        "the environment, and try again later.",
        "Banqup est injoignable. Vérifiez le réseau, le proxy et l'adresse de l'environnement, et "
        "réessayez plus tard.",
    ),
    "zenvoices unreachable": Text(
        "Zenvoices could not be reached. Check the network, the proxy settings and the address, "
        "and try again later.",
        "Zenvoices est injoignable. Vérifiez le réseau, le proxy et l'adresse, et réessayez plus "
        "tard.",
    ),
    "gateway": Text(
        "The answer is not one of the service's own errors: a firewall, a proxy or a gateway on "
        "the way may have refused the call. Show it to whoever runs that.",
        "La réponse n'est pas une erreur du service lui-même : un pare-feu, un proxy ou une "
        "passerelle a peut-être refusé l'appel. Montrez-la à la personne qui en est responsable.",
    ),
    "contract": Text(
        "The service does not know this call, or answers in another shape than this library "
        "assumes. Correct the assumption with the contract= argument of the client.",
        "Le service ne connaît pas cet appel, ou répond sous une autre forme que celle que cette "
        "bibliothèque suppose. Corrigez la supposition avec l'argument contract= du client.",
    ),
}


def title(check: str, lang: Language) -> str:
    """What a check is about."""
    return _TITLES[check].in_language(lang)


def remedy(cause: str, lang: Language) -> str:
    """What to do about a cause, see :func:`cause_of`."""
    return REMEDIES[cause].in_language(lang)


def cause_of(check: str, error: ServiceError) -> tuple[str, str]:
    """The check an error really belongs to, and the remedy's name.

    A call made for one check may fail for the reason another one is about: the first call of all
    logs in.
    """
    service = "zenvoices" if error.service == "zenvoices" else "banqup"
    if (
        isinstance(error, (UnavailableError, OutcomeUnknownError, RateLimitedError))
        and error.service != "bridge"
    ):
        return check, f"{service} unreachable"
    if isinstance(error, CredentialsError):
        two_factors = error.code == "two_factor"
        return f"{service} login", "two factors" if two_factors else f"{service} login"
    if error.code == "foreign":
        return check, "gateway"
    if isinstance(error, ProtocolError) or (
        isinstance(error, ConfigurationError) and error.status is not None
    ):
        return check, "contract"
    if error.code == "company_moved":
        return check, "company code moved"
    if isinstance(error, (PermissionDeniedError, NotFoundError)) and check == "company code":
        return "zenvoices companies", "zenvoices companies"
    return check, check
