//! An index on the embedded table's stream.
//!
//! dynoxide gives each record the number after the greatest there is, and finds records by their numbers. It keeps these as text without
//! an index, so that both read the whole stream, and every write takes longer than the one before. With an index on just what it asks
//! for, SQLite answers from there. It holds nothing that is not in the stream: a table without it is the same table, and slower.

use rusqlite::Connection;

/// Over the expression of dynoxide's own queries, or SQLite would not use it (<https://www.sqlite.org/expridx.html>).
const INDEX: &str = "CREATE INDEX IF NOT EXISTS callaro_stream_numbers \
                     ON _stream_records (table_name, CAST(sequence_number AS INTEGER))";

/// Makes it if it is not there, in a database that dynoxide has opened, and so made what is indexed.
pub(crate) fn ensure(location: &str) -> rusqlite::Result<()> {
    Connection::open(location)?.execute_batch(INDEX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dynoxide::Database;

    /// What SQLite says it does for a query.
    fn plan(connection: &Connection, query: &str) -> String {
        connection.query_row(&format!("EXPLAIN QUERY PLAN {query}"), [], |row| row.get(3)).unwrap()
    }

    #[test]
    fn the_next_number_and_the_records_after_one_are_found_by_the_index() {
        let location = "file:stream-index-test?mode=memory&cache=shared";
        let _database = Database::new(location).unwrap();
        ensure(location).unwrap();
        ensure(location).unwrap();
        let connection = Connection::open(location).unwrap();
        // As dynoxide asks: `next_stream_sequence_number` and `get_stream_records`.
        for query in [
            "SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1 FROM _stream_records WHERE table_name = 't'",
            "SELECT keys_json FROM _stream_records WHERE table_name = 't' AND shard_id = 's' \
             AND CAST(sequence_number AS INTEGER) > 7 ORDER BY CAST(sequence_number AS INTEGER) ASC LIMIT 100",
        ] {
            let plan = plan(&connection, query);
            assert!(plan.contains("callaro_stream_numbers"), "{plan}");
        }
    }
}
