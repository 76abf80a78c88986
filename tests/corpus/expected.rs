//! A line of a corpus file, and the kind of statement that it expects.

use std::collections::{BTreeMap, BTreeSet};

use floe::sql::StatementKind;
use serde_json::Value;

/// Names by role (`reads`, `creates`, `models` …). The parts of a name are joined by dots.
pub type ObjectsByRole = BTreeMap<String, BTreeSet<String>>;

/// A statement of the corpus with its expected analysis.
pub struct CorpusLine {
    /// The id of the statement in the corpus.
    pub id: String,
    /// The SQL text of the statement.
    pub sql: String,
    /// Flink's node class, or a kind that was written by hand.
    pub kind: String,
    /// The objects that the statement should name, by role.
    pub objects: ObjectsByRole,
    /// The parts of each name, by role.
    pub parts: BTreeMap<String, Vec<Vec<String>>>,
}

/// Returns the statements of a corpus file. Lines that are not valid are skipped.
pub fn parse_lines(text: &str) -> Vec<CorpusLine> {
    text.lines().filter(|line| !line.trim().is_empty()).filter_map(parse_line).collect()
}

/// Returns the statement of one line, if it is valid.
fn parse_line(text: &str) -> Option<CorpusLine> {
    let value: Value = serde_json::from_str(text).ok()?;
    let field = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let parts: BTreeMap<String, Vec<Vec<String>>> = match value.get("gold") {
        Some(Value::Object(gold)) => gold.iter().map(|(role, names)| (role.clone(), names_in(names))).collect(),
        _ => BTreeMap::new(),
    };
    let joined = |names: &Vec<Vec<String>>| names.iter().map(|name| name.join(".")).collect();
    let objects = parts.iter().map(|(role, names)| (role.clone(), joined(names))).collect();
    Some(CorpusLine {
        id: field("id").unwrap_or_default(),
        sql: field("sql")?,
        kind: field("flink_kind").or(field("kind")).unwrap_or_default(),
        objects,
        parts,
    })
}

/// Returns the names of one role, given as strings or as arrays of parts.
fn names_in(names: &Value) -> Vec<Vec<String>> {
    let name = |name: &Value| match name {
        Value::String(whole) => Some(vec![whole.clone()]),
        Value::Array(parts) => Some(parts.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        _ => None,
    };
    names.as_array().map(|names| names.iter().filter_map(name).collect()).unwrap_or_default()
}

impl CorpusLine {
    /// Returns the expected objects, without roles that have no names.
    pub fn expected_objects(&self) -> ObjectsByRole {
        let named = self.objects.iter().filter(|(_, names)| !names.is_empty());
        named.map(|(role, names)| (role.clone(), names.clone())).collect()
    }
}

/// Returns whether Flink's node class, or a kind written by hand, stands for `kind`.
pub fn is_kind(expected: &str, kind: StatementKind) -> bool {
    use StatementKind::*;
    let expected = expected.strip_prefix("Sql").unwrap_or(expected);
    let one_of: &[StatementKind] = match expected {
        "Query" => &[Select],
        "RichSqlInsert" | "Insert" => &[InsertInto, InsertValues],
        // `EXECUTE` can precede a query, an insert or a statement set.
        "Execute" => &[Select, InsertInto, InsertValues, StatementSet],
        "BeginStatementSet" | "StatementSet" => &[StatementSet],
        "CreateTableAs" | "ReplaceTableAs" | "CTAS" => &[CreateTableAs],
        "CreateTable" | "CreateTableLike" => &[CreateTable],
        "CreateOrAlterMaterializedTable" | "CreateMaterializedTable" => &[CreateMaterializedTable],
        "CreateView" => &[CreateView],
        "CreateFunction" => &[CreateFunction],
        "CreateModel" | "CreateModelAs" => &[CreateModel],
        "CreateConnection" => &[CreateConnection],
        "CreateAgent" => &[CreateAgent],
        "CreateTool" => &[CreateTool],
        "CreateDatabase" => &[CreateDatabase],
        "CreateCatalog" => &[CreateCatalog],
        "AddPartitions" | "DropPartitions" => &[AlterTable],
        "DropTable" => &[DropTable],
        "DropView" => &[DropView],
        "DropFunction" => &[DropFunction],
        "DropModel" => &[DropModel],
        "DropConnection" => &[DropConnection],
        "DropAgent" => &[DropAgent],
        "DropTool" => &[DropTool],
        "DropDatabase" => &[DropDatabase],
        "DropCatalog" => &[DropCatalog],
        "DropMaterializedTable" => &[DropMaterializedTable],
        "RichExplain" | "Explain" => &[Explain],
        "Set" | "Reset" => &[Set],
        "Update" => &[Update],
        "Delete" => &[Delete],
        "TruncateTable" => &[Truncate],
        "AnalyzeTable" => &[Analyze],
        "BasicCall"
        | "CompilePlan"
        | "CompileAndExecutePlan"
        | "ExecutePlan"
        | "AddJar"
        | "RemoveJar"
        | "LoadModule"
        | "UnloadModule"
        | "EndStatementSet"
        | "StopJob" => &[Other],
        _ if expected.starts_with("Show") => &[Show],
        _ if expected.starts_with("Use") => &[Use],
        _ if expected.starts_with("Describe") || expected.starts_with("RichDescribe") => &[Describe],
        _ if expected.starts_with("AlterMaterializedTable") => &[AlterMaterializedTable],
        _ if expected.starts_with("AlterTable") => &[AlterTable],
        _ if expected.starts_with("AlterView") => &[AlterView],
        _ if expected.starts_with("AlterFunction") => &[AlterFunction],
        _ if expected.starts_with("AlterModel") => &[AlterModel],
        _ if expected.starts_with("AlterConnection") => &[AlterConnection],
        _ if expected.starts_with("AlterAgent") => &[AlterAgent],
        _ if expected.starts_with("AlterTool") => &[AlterTool],
        _ if expected.starts_with("AlterDatabase") => &[AlterDatabase],
        _ if expected.starts_with("AlterCatalog") => &[AlterCatalog],
        _ => &[],
    };
    one_of.contains(&kind)
}
