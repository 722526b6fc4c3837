"""Looking for what must never be: damage, and derived columns that do not say what the events say."""

from storage.database import Database


def find_faults(db: Database) -> list[str]:
    """Return what is wrong with a database, in one line each; nothing where all is well."""
    faults = [f"SQLite: {row[0]}" for row in db.execute("PRAGMA integrity_check") if row[0] != "ok"]
    faults += [
        f"{row['table']} {row['rowid']} points to no {row['parent']}" for row in db.execute("PRAGMA foreign_key_check")
    ]
    return faults + [f"{row[0]} {sentence}" for sql, sentence in _CHECKS for row in db.execute(sql)]


_CHECKS = (
    (
        """SELECT 'image ' || image.id FROM image JOIN present_label AS fresh ON fresh.image = image.id
           WHERE (image.state, image.class, image.event, image.flagged, image.skips)
                 IS NOT (fresh.state, fresh.class, fresh.event, fresh.flagged, fresh.skips)""",
        "does not have the label that its events say",
    ),
    (
        """WITH RECURSIVE leads (id, root) AS (
               SELECT id, id FROM class WHERE parent IS NULL UNION ALL
               SELECT class.id, leads.root FROM class JOIN leads ON class.parent = leads.id)
           SELECT 'class ' || class.id FROM class LEFT JOIN leads ON leads.id = class.id
           WHERE coalesce(class.merged_into, class.id) IS NOT leads.root""",
        "does not count for the class that its merges lead to",
    ),
    (
        """SELECT 'request ' || request_item.request || ', image ' || request_item.image
           FROM request_item JOIN request ON request.id = request_item.request
           JOIN image ON image.id = request_item.image AND image.present = 1
           WHERE request_item.left <> max(0, request.overlap - (
               SELECT count(*) FROM lease WHERE lease.request = request.id AND lease.image = request_item.image
               AND lease.state = 'done'))""",
        "does not have the answers that its leases say",
    ),
    (
        """SELECT 'request ' || id FROM request
           WHERE (items, left) IS NOT (SELECT count(*), coalesce(sum(left), 0) FROM request_item WHERE request = id)""",
        "does not count its items right",
    ),
    (
        """SELECT 'image ' || image FROM lease WHERE state = 'active'
           GROUP BY image HAVING count(DISTINCT coalesce(request, 0)) > 1""",
        "is leased for two requests at once",
    ),
)
