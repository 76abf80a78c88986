//! The life of a project in four applies, which together contain every kind of change.

use floe::{
    cloud::Method,
    diff::PlanOptions,
    simulator::{FaultRule, InjectedFault, SimulatorOptions},
};

use crate::test_project::{TestProject, floe_toml};

/// What is declared and applied in one run.
pub struct Stage {
    /// The name in the printed figures.
    pub name: &'static str,
    /// The manifest of the pools.
    pub pools: &'static str,
    /// The manifest of the statements.
    pub statements: &'static str,
    /// True if the run destroys everything.
    pub destroy: bool,
}

impl Stage {
    /// Writes the manifests of the stage.
    pub fn declare(&self, project: &TestProject) {
        project.write("pools.toml", self.pools);
        project.declare(self.statements);
    }

    /// Returns the options of the plan.
    pub fn request(&self) -> PlanOptions {
        PlanOptions { destroy: self.destroy, allow_data_loss: true, ..PlanOptions::default() }
    }
}

/// Returns a project that was never applied.
pub fn new_project() -> TestProject {
    TestProject::with_options(&[("floe.toml", &floe_toml(""))], SimulatorOptions::default())
}

/// The stages, in the order in which they are applied.
pub const STAGES: [Stage; 4] = [
    Stage {
        name: "begin",
        pools: "[pools.main]\nmax_cfu = 20\n[pools.heavy]\nmax_cfu = 20\n[pools.spare]\nmax_cfu = 5\n",
        statements: BEGIN,
        destroy: false,
    },
    Stage {
        name: "change",
        pools: "[pools.main]\nmax_cfu = 30\n[pools.heavy]\nmax_cfu = 20\n[pools.fresh]\nmax_cfu = 10\n",
        statements: CHANGE,
        destroy: false,
    },
    Stage {
        name: "continue",
        pools: "[pools.main]\nmax_cfu = 30\n[pools.heavy]\nmax_cfu = 20\n[pools.fresh]\nmax_cfu = 10\n",
        statements: CONTINUE,
        destroy: false,
    },
    Stage {
        name: "destroy",
        pools: "[pools.main]\nmax_cfu = 30\n[pools.heavy]\nmax_cfu = 20\n[pools.fresh]\nmax_cfu = 10\n",
        statements: CONTINUE,
        destroy: true,
    },
];

/// The statements of the first apply.
const BEGIN: &str = r#"
[statements.orders]
sql = "CREATE TABLE orders (id STRING, price INT)"
undo = "DROP TABLE orders"
[statements.sizes]
sql = "CREATE TABLE sizes (id STRING)"
undo = "DROP TABLE sizes"
[statements.doomed]
sql = "CREATE TABLE doomed (id STRING)"
undo = "DROP TABLE doomed"
[statements.copy]
sql = "INSERT INTO target SELECT id, price FROM orders"
evolve = "restart"
[statements.halted]
sql = "INSERT INTO halted_out SELECT id FROM orders"
[statements.moved]
sql = "INSERT INTO moved_out SELECT price FROM orders"
[statements.removed]
sql = "INSERT INTO removed_out SELECT id, price FROM orders"
"#;

/// Replaces `copy`, stops `halted`, restarts `moved` on another pool, deletes `removed`, undoes `doomed`, redefines
/// `sizes` and creates `fresh` on a new pool. One pool grows and one is deleted.
const CHANGE: &str = r#"
[statements.orders]
sql = "CREATE TABLE orders (id STRING, price INT)"
undo = "DROP TABLE orders"
[statements.sizes]
sql = "CREATE TABLE sizes (id STRING, size INT)"
undo = "DROP TABLE sizes"
[statements.copy]
sql = "INSERT INTO target SELECT id, price + 1 FROM orders"
evolve = "restart"
[statements.halted]
sql = "INSERT INTO halted_out SELECT id FROM orders"
stopped = true
[statements.moved]
sql = "INSERT INTO moved_out SELECT price FROM orders"
pool = "heavy"
[statements.fresh]
sql = "INSERT INTO fresh_out SELECT id FROM orders"
pool = "fresh"
"#;

/// Replaces `copy` again, resumes `halted`, moves `moved` back and creates `removed` again.
const CONTINUE: &str = r#"
[statements.orders]
sql = "CREATE TABLE orders (id STRING, price INT)"
undo = "DROP TABLE orders"
[statements.sizes]
sql = "CREATE TABLE sizes (id STRING, size INT)"
undo = "DROP TABLE sizes"
[statements.copy]
sql = "INSERT INTO target SELECT id, price + 2 FROM orders"
evolve = "restart"
[statements.halted]
sql = "INSERT INTO halted_out SELECT id FROM orders"
[statements.moved]
sql = "INSERT INTO moved_out SELECT price FROM orders"
[statements.fresh]
sql = "INSERT INTO fresh_out SELECT id FROM orders"
pool = "fresh"
[statements.removed]
sql = "INSERT INTO removed_out SELECT id, price FROM orders"
"#;

/// Returns faults that every stage must survive, one at a time.
pub fn single_faults() -> Vec<FaultRule> {
    let mut faults = Vec::new();
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        for fault_kind in [
            InjectedFault::LostAfterEffect,
            InjectedFault::LostBeforeEffect,
            InjectedFault::LostThenApplied(4.0),
            InjectedFault::StatusAfterEffect(503),
            InjectedFault::Status(400),
        ] {
            for after in 0..3 {
                faults.push(FaultRule::once(fault_kind.clone()).on(method.clone()).after(after));
            }
        }
    }
    faults
}
