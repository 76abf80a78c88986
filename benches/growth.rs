//! Measures how load, graph, diff and plan scale: 100, 1,000 and 10,000 statements, wide and in one chain.
//!
//! `cargo bench --bench growth` prints the time of each and, as `throughput`, the statements per second. This number
//! stays constant if work grows only in proportion to the project.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod generated;

use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use floe::{
    diff::{self, Desired, DiffOutcome, Inputs, PlanOptions},
    graph,
    manifest::{self, LoadOptions},
    plan,
    resource::SecretHashes,
    settle,
};
use generated::{Shape, state_after_apply, write};

fn growth(criterion: &mut Criterion) {
    for (shape, name) in [(Shape::Wide, "wide"), (Shape::Chain, "chain")] {
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
        for count in [100_usize, 1_000, 10_000] {
            group.throughput(Throughput::Elements(count as u64));
            let folder = tempfile::tempdir().unwrap();
            write(folder.path(), shape, count);
            let inputs = LoadOptions { root: folder.path().to_owned(), ..LoadOptions::default() };
            let project = manifest::load(&inputs).unwrap();
            let graph = graph::build(project.clone()).unwrap();
            let (recorded, live) = state_after_apply(&graph);
            let secrets = SecretHashes::new();
            let desired = Desired { graph: &graph, secrets: &secrets };
            // The same record, except that every job has to be replaced.
            let recorded_with_other_ttl = {
                let mut recorded = recorded.clone();
                for record in recorded.statements.values_mut() {
                    let current = record.current.as_mut().unwrap();
                    current.sent.properties.insert("sql.state-ttl".into(), floe::resource::Template::new("1 d"));
                }
                recorded
            };
            let options = PlanOptions::default();

            group.bench_with_input(BenchmarkId::new("load", count), &inputs, |bencher, inputs| {
                bencher.iter(|| manifest::load(inputs).unwrap());
            });
            group.bench_function(BenchmarkId::new("graph", count), |bencher| {
                bencher.iter_batched(
                    || project.clone(),
                    |project| graph::build(project).unwrap(),
                    BatchSize::LargeInput,
                );
            });
            group.bench_function(BenchmarkId::new("diff", count), |bencher| {
                bencher.iter(|| {
                    let (settled, settlement) = settle::settle(&recorded, &live).unwrap();
                    let inputs =
                        Inputs { desired, recorded: &settled, settlement: &settlement, live: &live, options: &options };
                    let DiffOutcome::Complete(diff) = diff::diff(inputs) else { panic!("a fact is missing") };
                    assert!(diff.changes.is_empty());
                    diff
                });
            });
            group.bench_function(BenchmarkId::new("plan", count), |bencher| {
                bencher.iter(|| {
                    let (settled, settlement) = settle::settle(&recorded_with_other_ttl, &live).unwrap();
                    let inputs =
                        Inputs { desired, recorded: &settled, settlement: &settlement, live: &live, options: &options };
                    let DiffOutcome::Complete(diff) = diff::diff(inputs) else { panic!("a fact is missing") };
                    plan::plan(inputs, Vec::new(), diff)
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, growth);
criterion_main!(benches);
