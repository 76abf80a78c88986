//! Statements that many tests declare: a table, a job that reads it, and a change of the job.

/// A table that jobs read.
pub const TABLE: &str = "[statements.orders]\nsql = \"CREATE TABLE orders (id STRING, price INT)\"\n";
/// The same table with an undo, which drops its data.
pub const TABLE_WITH_UNDO: &str =
    "[statements.orders]\nsql = \"CREATE TABLE orders (id STRING, price INT)\"\nundo = \"DROP TABLE orders\"\n";
/// A table that no job reads.
pub const OTHER: &str = "[statements.other]\nsql = \"CREATE TABLE other (id STRING, price INT)\"\n";
/// A job that reads the table.
pub const COPY: &str = "[statements.copy]\nsql = \"INSERT INTO target SELECT id, price FROM orders\"\n";
/// The SQL of the job at first.
pub const ORIGINAL_SQL: &str = "INSERT INTO target SELECT id, price FROM orders";
/// The SQL of the job after a change.
pub const CHANGED_SQL: &str = "INSERT INTO target SELECT id, price FROM orders WHERE price > 1";

/// Returns a manifest of the table with its undo, and of a job with this SQL and `more` keys.
pub fn job(sql: &str, more: &str) -> String {
    format!("{TABLE_WITH_UNDO}[statements.copy]\nsql = \"{sql}\"\n{more}")
}
