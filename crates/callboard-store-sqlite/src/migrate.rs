//! The schema's versions: what each adds, and how a database gets to the newest.

use rusqlite::{Connection, TransactionBehavior};

/// What makes a database of each version out of one of the version before; the first out of an empty file.
const VERSIONS: &[&str] = &[include_str!("schema/v1.sql")];

/// The version that this code reads and writes.
pub(crate) const NEWEST: i64 = VERSIONS.len() as i64;

/// By which the file says that it is ours: "CBoa".
pub(crate) const APPLICATION_ID: i64 = 0x4342_6f61;

/// What a database file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing is in it.
    Empty,
    /// One of ours, of this version.
    Version(i64),
    /// One of ours, of a later version.
    Newer(i64),
    /// A database of another program.
    Foreign,
}

/// Looks at a database without changing it.
pub(crate) fn look(connection: &Connection) -> rusqlite::Result<Found> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    Ok(match (application, version) {
        (0, 0) if tables == 0 => Found::Empty,
        (APPLICATION_ID, version) if version > NEWEST => Found::Newer(version),
        (APPLICATION_ID, version) if version > 0 => Found::Version(version),
        _ => Found::Foreign,
    })
}

/// Brings a database from a version (0: empty) to the newest, all or nothing.
pub(crate) fn migrate(connection: &mut Connection, from: i64) -> rusqlite::Result<()> {
    if from == NEWEST {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in VERSIONS.iter().skip(usize::try_from(from).unwrap_or(usize::MAX)) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", NEWEST)?;
    transaction.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_gets_the_newest_schema_once() {
        let mut connection = Connection::open_in_memory().unwrap();
        assert_eq!(look(&connection).unwrap(), Found::Empty);
        migrate(&mut connection, 0).unwrap();
        assert_eq!(look(&connection).unwrap(), Found::Version(NEWEST));
        migrate(&mut connection, NEWEST).unwrap();
        connection.pragma_update(None, "user_version", NEWEST + 3).unwrap();
        assert_eq!(look(&connection).unwrap(), Found::Newer(NEWEST + 3));
    }

    #[test]
    fn the_database_of_another_program_is_known_as_such() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE recipe (title TEXT)").unwrap();
        assert_eq!(look(&connection).unwrap(), Found::Foreign);
        connection.execute_batch("DROP TABLE recipe; PRAGMA application_id = 7").unwrap();
        assert_eq!(look(&connection).unwrap(), Found::Foreign);
    }
}
