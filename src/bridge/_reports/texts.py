"""The words people see, in English and French."""

from __future__ import annotations

from typing import Literal, get_args

from _client_kit._arguments import check_word

__all__ = ["FRENCH", "Language", "check_language", "translate"]

Language = Literal["en", "fr"]


def check_language(lang: object) -> None:
    """Refuse a language that there are no texts in.

    Raises:
        ConfigurationError: The message names the languages there are.
    """
    check_word(lang, get_args(Language), "lang", service="bridge")


FRENCH: dict[str, str] = {
    # What a document's way looks like to an accountant
    "client action needed": "action client requise",
    "queued": "en file d'attente",
    "ready to process": "prêt à traiter",
    "error": "erreur",
    "skipped": "ignoré",
    "baseline": "antérieur",
    # States
    "waiting": "en attente",
    "sending": "en cours d'envoi",
    "delivered": "livré",
    "confirmed": "confirmé",
    "failed": "abandonné",
    "uncertain": "incertain",
    # Outcomes of checks
    "ok": "ok",
    "FAILED": "ÉCHEC",
    "not checked": "non vérifié",
    # Headings
    "check": "vérification",
    "found": "constaté",
    "what to do": "que faire",
    "status": "statut",
    "document": "document",
    "sent as": "envoyé comme",
    "inbox": "réception",
    "reason": "raison",
    "documents": "documents",
    # Verification
    "Ready to export: all {} checks passed": "Prêt à exporter : les {} vérifications sont bonnes",
    "Not ready to export: {} of {} checks failed": (
        "Pas prêt à exporter : {} vérification(s) sur {} en échec"
    ),
    "{} answers as assumed": "{} répond comme supposé",
    "{} of {} properties seen": "{} propriétés vues sur {}",
    "expected {} ({}); {} has {}": "attendu : {} ({}) ; {} contient {}",
    "the answer": "la réponse",
    "nothing": "rien",
    "Correct it with {}(contract={})": "Corrigez-le avec {}(contract={})",
    "; or, for another structure, with {}": " ; ou, pour une autre structure, avec {}",
    "If the call has another address, correct it with {}(contract={}).": (
        "Si l'appel a une autre adresse, corrigez-la avec {}(contract={})."
    ),
    # Reports
    "Export: {} sent to company {}": "Export : {} envoyé(s) vers l'entreprise {}",
    "Dry run: {} would be sent to company {}": (
        "Essai à blanc : {} seraient envoyé(s) vers l'entreprise {}"
    ),
    "Export stopped: {} sent to company {}": (
        "Export interrompu : {} envoyé(s) vers l'entreprise {}"
    ),
    "stopped because": "interrompu parce que",
    "listed in Banqup": "listés dans Banqup",
    "sent": "envoyés",
    "found to have arrived": "retrouvés dans Zenvoices",
    "refused by Zenvoices": "refusés par Zenvoices",
    "not readable as UBL": "illisibles comme UBL",
    "changed after delivery": "modifiés après livraison",
    "took": "durée",
    "next try {}": "prochain essai {}",
    "attempt {}": "tentative {}",
    "not sent: {}": "non envoyé : {}",
    "... and {} more": "... et {} de plus",
    "no documents": "aucun document",
    # Status
    "Active: company {}": "Active : entreprise {}",
    "Not active: company {}": "Pas active : entreprise {}",
    "space": "espace",
    "active since": "active depuis",
    "last run": "dernier passage",
    "needs a person": "demande une intervention",
    "{} need a person": "{} demande(nt) une intervention",
    "unknown status {}: {} documents": "statut inconnu {} : {} documents",
    # Activation
    "Activated: documents count from now on": "Activée : les documents comptent dès maintenant",
    "Active already: nothing changed": "Déjà active : rien n'a changé",
    "Banqup listed no document. If the space is not empty, call deactivate(), let the client's "
    "user see its documents in Banqup, and call activate() again before the first export.": (
        "Banqup n'a listé aucun document. Si l'espace n'est pas vide, appelez deactivate(), "
        "donnez à l'utilisateur le droit de voir ses documents dans Banqup, puis rappelez "
        "activate() avant le premier export."
    ),
    "company number": "numéro de l'entreprise",
    "left where they are": "laissés où ils sont",
    "waiting for the client": "attendent le client",
    # Confirmation
    "Confirmed: Zenvoices has {} documents": "Confirmé : Zenvoices a {} documents",
    "missing in Zenvoices": "absents de Zenvoices",
    "there more than once": "présents plusieurs fois",
    "not to be decided": "impossibles à décider",
    # Trials of a mapper
    "Mapper: {} of {} documents would be sent": "Mapper : {} documents sur {} seraient envoyés",
    "subject": "objet",
    "sender": "expéditeur",
    "destination": "destination",
    "files": "fichiers",
}
"""French by English."""


def translate(text: str, lang: Language) -> str:
    """A text of this module in a language; one it does not have stays English."""
    return FRENCH.get(text, text) if lang == "fr" else text
