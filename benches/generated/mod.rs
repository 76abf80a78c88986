//! Generates projects of any size, and the cloud and the record of such a project after an apply.

use std::{collections::BTreeMap, fmt::Write, fs, path::Path};

use floe::{
    graph::Graph,
    live::Live,
    resource::{
        Generation, HashKey, Labels, LivePool, LiveStatement, Phase, PoolDeclaration, PoolPhase, Properties,
        Submission, labels,
    },
    sql::StatementClass,
    state::{FurthestPhase, GenerationRecord, PoolRecord, Recorded, StatementRecord},
};

/// How the statements of a project depend on each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Of every ten statements, one creates a table and nine are jobs that read it and write to other tables.
    Wide,
    /// Each statement is a view of the one before it.
    Chain,
}

/// Writes a project of `count` statements to `folder`, a hundred statements per file.
pub fn write(folder: &Path, shape: Shape, count: usize) {
    let toml = "[project]\nname = \"growth\"\n\n[environments.local]\nsimulator = true\n\n[defaults]\n\
                properties = { \"sql.current-catalog\" = \"local\", \"sql.current-database\" = \"shop\" }\n";
    fs::write(folder.join("floe.toml"), toml).expect("the folder should be writable");
    // A pool of the service has at most 50 CFU, and a job takes at least one.
    let pools = (0..count.div_ceil(50)).fold(String::new(), |mut text, index| {
        let _ = writeln!(text, "[pools.p{index:03}]\nmax_cfu = 50\n");
        text
    });
    fs::write(folder.join("pools.toml"), pools).expect("the folder should be writable");
    fs::create_dir_all(folder.join("statements")).expect("the folder should be writable");
    for start in (0..count).step_by(100) {
        let text = (start..count.min(start + 100)).fold(String::new(), |mut text, index| {
            let _ = writeln!(
                text,
                "[statements.s{index:05}]\nsql = \"\"\"\n{}\"\"\"\npool = \"p{:03}\"\n",
                sql(shape, index),
                index / 50
            );
            text
        });
        fs::write(folder.join(format!("statements/{start:05}.toml")), text).expect("the folder should be writable");
    }
}

/// Returns SQL of realistic length: a few hundred bytes.
fn sql(shape: Shape, index: usize) -> String {
    match (shape, index % 10) {
        (Shape::Chain, _) if index > 0 => format!(
            "CREATE VIEW v{index:05} AS\nSELECT order_id, customer_id, product_id, price * 1.01 AS price, ordered_at\n\
             FROM v{:05}\nWHERE price > 0 AND customer_id IS NOT NULL AND product_id <> 'none'\n",
            index - 1
        ),
        (_, 0) => format!(
            "CREATE TABLE {}{index:05} (\n  order_id STRING NOT NULL,\n  customer_id STRING,\n  product_id STRING,\n\
             \x20 price DECIMAL(10, 2),\n  ordered_at TIMESTAMP_LTZ(3),\n\
             \x20 WATERMARK FOR ordered_at AS ordered_at - INTERVAL '5' SECOND\n) DISTRIBUTED BY HASH(order_id) INTO 6 BUCKETS\n",
            if shape == Shape::Chain { "v" } else { "orders_" }
        ),
        (_, rest) => format!(
            "INSERT INTO revenue_{index:05}\nSELECT window_start, window_end, customer_id, SUM(price) AS revenue, COUNT(*) AS orders\n\
             FROM TABLE(TUMBLE(TABLE orders_{:05}, DESCRIPTOR(ordered_at), INTERVAL '{rest}' MINUTE))\n\
             WHERE price > 0 AND product_id IS NOT NULL\nGROUP BY window_start, window_end, customer_id\n",
            index - rest
        ),
    }
}

/// Returns the state after an apply of `graph`: the record, and the cloud that belongs to it.
pub fn state_after_apply(graph: &Graph) -> (Recorded, Live) {
    let project = &graph.project;
    let mut recorded =
        Recorded::new("lineage".to_owned(), project.environment.identity.clone(), HashKey("key".to_owned()));
    let mut pools = Vec::new();
    for (index, (key, pool)) in project.pools.iter().enumerate() {
        let PoolDeclaration::Owned(pool) = &pool.spec else { continue };
        let id = format!("lfcp-{index:06}");
        recorded.pools.insert(key.clone(), PoolRecord { id: id.clone(), declared: pool.clone(), is_deleted: false });
        pools.push(LivePool {
            id,
            display_name: pool.display_name.clone(),
            cloud: pool.cloud.clone(),
            region: pool.region.clone(),
            max_cfu: pool.max_cfu,
            network: None,
            phase: PoolPhase::Provisioned,
            current_cfu: 1,
            created_at: None,
        });
    }
    let mut statements = BTreeMap::new();
    for (index, (key, declared)) in project.statements.iter().enumerate() {
        let (spec, analysis) = (&declared.spec, graph.analysis(key).unwrap());
        let (reached, phase) = match analysis.kind.class() {
            StatementClass::Definition => (FurthestPhase::Completed, Phase::Completed),
            _ => (FurthestPhase::Running, Phase::Running),
        };
        let pool = spec.pool.as_ref().and_then(|key| Some(recorded.pools.get(key)?.id.clone()));
        let address = format!("statements.{key}");
        let live = LiveStatement {
            uid: format!("00000000-0000-0000-0000-{index:012}"),
            resource_version: "1".to_owned(),
            labels: Labels::from_iter([
                (labels::PROJECT.to_owned(), project.name.clone()),
                (labels::ADDRESS.to_owned(), address),
            ]),
            created_at: Some("2026-01-01T00:00:00Z".to_owned()),
            updated_at: Some("2026-01-01T00:00:00Z".to_owned()),
            sql: spec.sql.masked().to_string(),
            properties: spec.properties.iter().map(|(key, value)| (key.clone(), value.masked().to_string())).collect(),
            pool: pool.clone(),
            principal: spec.principal.clone(),
            sql_kind: Some(analysis.kind.api_name().to_owned()),
            bounded: Some(false),
            append_only: Some(true),
            ..LiveStatement::known_by_name(&spec.name, phase)
        };
        let sent = Submission {
            role: floe::resource::Role::Current,
            name: spec.name.clone(),
            generation: Generation::FIRST,
            sql: spec.sql.clone(),
            properties: spec.properties.clone(),
            added_properties: Properties::new(),
            pool,
            principal: spec.principal.clone(),
        };
        let current = GenerationRecord {
            reached,
            sql_kind: live.sql_kind.clone(),
            created_at: live.created_at.clone(),
            ..GenerationRecord::submitted(sent, live.uid.clone())
        };
        let address = floe::resource::Address::statement(key);
        let record = StatementRecord {
            dependencies: graph.dependencies(&address).cloned().collect(),
            current: Some(Box::new(current)),
            last_generation: Generation::FIRST,
            ..StatementRecord::new(spec.clone())
        };
        recorded.statements.insert(key.clone(), Box::new(record));
        statements.insert(live.name.clone(), live);
    }
    (
        recorded,
        Live::from_resources(
            statements,
            Some(pools.into_iter().map(|pool: LivePool| (pool.id.clone(), pool)).collect()),
        ),
    )
}
