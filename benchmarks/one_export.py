"""A whole process that exports one document: ``one_export.py ours|bare|nothing`` and addresses.

Run by :mod:`footprint` with what users install and nothing else; so it imports nothing of ours that
is not needed to do the job.
"""

import sys


def ours(arguments: list[str]) -> None:
    """Both clients and the bridge, over a checkpoint that is active already."""
    from banqup_client import BanqupClient, ClientCredentials
    from bridge import Connection, SQLiteCheckpoints
    from zenvoices_client import UserLogin, ZenvoicesClient

    at_banqup, at_zenvoices, space, company, key, secret, user, password, tenant, path = arguments
    with (
        BanqupClient(ClientCredentials(key, secret), base_url=at_banqup) as banqup,
        ZenvoicesClient(
            UserLogin(user, password, organisation_code=tenant), base_url=at_zenvoices
        ) as zenvoices,
        SQLiteCheckpoints(path) as checkpoints,
    ):
        connection = Connection(
            banqup, zenvoices, space_id=space, company_code=company, checkpoints=checkpoints
        )
        print(connection.export_new().exported)


def bare(arguments: list[str]) -> None:
    """The same calls on httpx, written down one after the other."""
    import base64
    import json

    import httpx

    at_banqup, at_zenvoices, space, _company, key, secret, user, password, tenant, _ = arguments
    with (
        httpx.Client(base_url=at_banqup) as banqup,
        httpx.Client(base_url=at_zenvoices) as zenvoices,
    ):
        form = {"grant_type": "client_credentials", "client_id": key, "client_secret": secret}
        token = banqup.post("/oauth2/client_credential/gettoken", data=form).json()["access_token"]
        banqup.headers["Authorization"] = f"Bearer {token}"
        login = {"userNameOrEmailAddress": user, "password": password, "tenancyName": tenant}
        answer = zenvoices.post("/api/TokenAuth/TokenLogin", json=login).json()
        zenvoices.headers["Authorization"] = f"Bearer {answer['result']['accessToken']}"
        companies = zenvoices.post("/public-api/v1/administration/list", json={})
        company_id = companies.json()["items"][0]["id"]
        sent = 0
        for folder in ("PURCHASES", "SALES"):
            query = {"folder": folder, "page": 0, "size": 50}
            path = f"/datastore/documents/transaction/v2/spaces/{space}/documents"
            for document in banqup.get(path, params=query).json()["documents"]:
                if document["status"]["document"] != "FULLY_APPROVED":
                    continue
                file = document["files"][0]
                details = f"/datastore/documents/transaction/v1/spaces/{space}/files/{file['id']}"
                url = banqup.get(details).json()["downloadUrl"]
                attachment = {
                    "fileName": file["filename"],
                    "contentType": file["contentType"],
                    "content": base64.b64encode(httpx.get(url).content).decode(),
                }
                upload = {
                    "administrationId": company_id,
                    "externalId": document["id"],
                    "subject": file["filename"],
                    "attachments": [attachment],
                }
                body = json.dumps(upload).encode()
                headers = {"Content-Type": "application/json"}
                answer = zenvoices.post("/public-api/v1/inbox", content=body, headers=headers)
                sent += answer.raise_for_status().is_success
    print(int(sent))


if __name__ == "__main__" and sys.argv[1] != "nothing":
    {"ours": ours, "bare": bare}[sys.argv[1]](sys.argv[2:])
