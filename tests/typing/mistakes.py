"""Mistakes that type checkers must see. Each line that ends in ``# mistake`` is one; never run."""

from bridge import Connection, ExportReport, SQLiteCheckpoints, misspelt  # mistake
from zenvoices_client import InboxUpload, UserLogin


def wrong(connection: Connection, report: ExportReport) -> None:
    connection.settle("a")  # mistake
    connection.settle("a", True)  # mistake
    connection.export_new(limit="ten")  # mistake
    connection.export_old()  # mistake
    connection.verify(lang="de")  # mistake
    UserLogin("user", "password")  # mistake
    InboxUpload(attachment=())  # mistake
    SQLiteCheckpoints(7)  # mistake
    report.exported = 3  # mistake
    print(report.exportet, misspelt)  # mistake
