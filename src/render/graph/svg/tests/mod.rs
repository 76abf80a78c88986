//! Layouts of random graphs: no link runs beneath a box, no boxes touch, and nothing is off the page.

use super::{
    layout::{BOX_HEIGHT, Curve, CurveSegment, Frame, Point, lay_out},
    ranks::LayoutGraph,
    *,
};
use crate::{
    graph::SqlObject,
    graph::lineage::LineageEdge,
    resource::Address,
    sql::{ObjectKind, StatementKind},
};

/// A generator of reproducible pseudorandom numbers.
struct GraphRandom(u64);

impl GraphRandom {
    /// Returns the next number below `end`.
    fn next_below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % end
    }
}

/// Returns a random graph with its bundles and groups: chains with joins, some isolated components, and with
/// `circles` also links backward.
fn random_graph(boxes: usize, seed: u64, has_cycles: bool) -> (LayoutGraph, Vec<usize>, Vec<usize>) {
    let mut random = GraphRandom(seed);
    let mut links = std::collections::BTreeSet::new();
    let reach = 1 + random.next_below(12);
    for node in 1..boxes {
        for _ in 0..random.next_below(3) {
            links.insert((node - 1 - random.next_below(node.min(reach)), node));
        }
        if random.next_below(6) == 0 {
            links.insert((random.next_below(node), node));
        }
        if has_cycles && random.next_below(8) == 0 {
            links.insert((node, random.next_below(node)));
        }
    }
    let widths = (0..boxes).map(|_| 90.0 + random.next_below(180) as f64).collect();
    let bundles = links.iter().map(|_| usize::from(random.next_below(10) == 0)).collect();
    let groups = (0..boxes).map(|_| random.next_below(4)).collect();
    (LayoutGraph { widths, links: links.into_iter().collect() }, bundles, groups)
}

/// Returns closely spaced points along a curve.
fn points_along(curve: &Curve) -> Vec<Point> {
    let (mut here, mut points) = (curve.start, vec![curve.start]);
    for piece in &curve.segments {
        let (one, other, to) = match *piece {
            CurveSegment::Line(to) => (here, to, to),
            CurveSegment::Cubic(one, other, to) => (one, other, to),
        };
        for step in 1..=32 {
            let t = f64::from(step) / 32.0;
            let mix = |a: f64, b: f64, c: f64, d: f64| {
                let u = 1.0 - t;
                u * u * u * a + 3.0 * u * u * t * b + 3.0 * u * t * t * c + t * t * t * d
            };
            points.push((mix(here.0, one.0, other.0, to.0), mix(here.1, one.1, other.1, to.1)));
        }
        here = to;
    }
    points
}

/// Returns whether a point is in a box that is enlarged by `by` on each side.
fn is_within(point: Point, frame: &Frame, by: f64) -> bool {
    point.0 > frame.x - by
        && point.0 < frame.x + frame.width + by
        && point.1 > frame.y - by
        && point.1 < frame.y + BOX_HEIGHT + by
}

#[test]
fn no_link_passes_beneath_a_box_and_no_boxes_touch() {
    for seed in 0..24 {
        let (graph, bundles, groups) = random_graph(2 + (seed as usize) * 6, seed, seed % 2 == 0);
        let picture = lay_out(&graph, &bundles, &groups);
        for ((from, to), curve) in graph.links.iter().zip(&picture.curves) {
            let points = points_along(curve);
            // It starts and ends at its own boxes.
            assert!(is_within(points[0], &picture.frames[*from], 3.0), "seed {seed}: {from} to {to} starts elsewhere");
            assert!(
                is_within(*points.last().unwrap(), &picture.frames[*to], 3.0),
                "seed {seed}: {from} to {to} ends elsewhere"
            );
            for (number, frame) in picture.frames.iter().enumerate() {
                // It stays outside these boxes, too, and keeps a distance from all others.
                let by = if number == *from || number == *to { -0.1 } else { 2.0 };
                let hit = points.iter().find(|point| is_within(**point, frame, by));
                assert_eq!(hit, None, "seed {seed}: {from} to {to} runs beneath box {number}");
            }
        }
        for (number, frame) in picture.frames.iter().enumerate() {
            assert!(
                frame.x >= -0.1 && frame.x + frame.width <= picture.width + 0.1,
                "seed {seed}: box {number} is off the page"
            );
            assert!(
                frame.y >= -0.1 && frame.y + BOX_HEIGHT <= picture.height + 0.1,
                "seed {seed}: box {number} is off the page"
            );
            for other in &picture.frames[number + 1..] {
                let beside = frame.x + frame.width + 8.0 <= other.x || other.x + other.width + 8.0 <= frame.x;
                let below = frame.y + BOX_HEIGHT + 8.0 <= other.y || other.y + BOX_HEIGHT + 8.0 <= frame.y;
                assert!(beside || below, "seed {seed}: box {number} touches another one");
            }
        }
    }
}

#[test]
fn only_links_that_close_a_cycle_run_backwards() {
    for seed in 0..20 {
        let (graph, bundles, groups) = random_graph(40, seed, false);
        let picture = lay_out(&graph, &bundles, &groups);
        assert!(picture.curves.iter().all(|curve| !curve.is_back), "seed {seed}: this graph has no cycle");
        let right = graph
            .links
            .iter()
            .all(|(from, to)| picture.frames[*from].x + picture.frames[*from].width < picture.frames[*to].x);
        let down = graph.links.iter().all(|(from, to)| picture.frames[*from].y + BOX_HEIGHT < picture.frames[*to].y);
        assert!(right || down, "seed {seed}: the links run neither from left to right nor from top to bottom");
    }
    let circle = LayoutGraph { widths: vec![90.0; 3], links: vec![(0, 1), (1, 2), (2, 0)] };
    let picture = lay_out(&circle, &[0; 3], &[0; 3]);
    assert_eq!(picture.curves.iter().filter(|curve| curve.is_back).count(), 1);
}

#[test]
fn a_long_chain_runs_down_the_page_and_a_short_one_across() {
    let chain = |boxes: usize| LayoutGraph {
        widths: vec![150.0; boxes],
        links: (1..boxes).map(|node| (node - 1, node)).collect(),
    };
    let short = lay_out(&chain(5), &[0; 4], &[0; 5]);
    assert!(short.width > short.height && short.width < 1600.0);
    let long = lay_out(&chain(40), &[0; 39], &[0; 40]);
    assert!(long.height > long.width && long.width < 1600.0);
}

#[test]
fn a_wide_layer_is_folded_to_fit_the_page() {
    let fan = LayoutGraph { widths: vec![150.0; 201], links: (1..201).map(|node| (0, node)).collect() };
    let picture = lay_out(&fan, &[0; 200], &[0; 201]);
    assert!(picture.width < 2600.0, "it is {} wide", picture.width);
    assert!(picture.height < 3200.0, "it is {} high", picture.height);
}

#[test]
fn statements_of_one_pool_are_adjacent_if_that_adds_no_crossing() {
    // Four readers of one table with alternating pools.
    let fan = LayoutGraph { widths: vec![100.0; 5], links: (1..5).map(|node| (0, node)).collect() };
    let picture = lay_out(&fan, &[0; 4], &[0, 1, 2, 1, 2]);
    let mut readers: Vec<usize> = (1..5).collect();
    readers.sort_by(|one, other| picture.frames[*one].y.total_cmp(&picture.frames[*other].y));
    let pools: Vec<usize> = readers.iter().map(|reader| [0, 1, 2, 1, 2][*reader]).collect();
    assert!(pools == [1, 1, 2, 2] || pools == [2, 2, 1, 1], "{pools:?}");
}

#[test]
fn a_large_project_is_laid_out_within_a_minute() {
    let (graph, bundles, groups) = random_graph(1500, 7, true);
    let start = std::time::Instant::now();
    let picture = lay_out(&graph, &bundles, &groups);
    assert_eq!(picture.frames.len(), 1500);
    assert!(start.elapsed().as_secs() < 60, "it took {:?}", start.elapsed());
}

/// Returns the node of a table.
fn table(name: &str) -> LineageNode {
    LineageNode::Object(SqlObject { kind: ObjectKind::Table, name: [name.into()].into() })
}

#[test]
fn an_image_contains_names_pools_and_flows() {
    let job = Address::statement("copy<all>");
    let reads =
        |kind| LineageEdge { from: table("clicks"), to: LineageNode::Statement(job.clone()), kind, place: None };
    let writes = LineageEdge {
        from: LineageNode::Statement(job.clone()),
        to: table(&"long".repeat(20)),
        kind: LineageEdgeKind::Writes,
        place: None,
    };
    let mut lineage = Lineage::default();
    lineage.nodes.insert(table("clicks"), LineageNodeKind::External(ObjectKind::Table));
    lineage.nodes.insert(table(&"long".repeat(20)), LineageNodeKind::Managed(ObjectKind::Table));
    lineage.nodes.insert(LineageNode::Statement(job.clone()), LineageNodeKind::Statement(StatementKind::InsertInto));
    lineage.edges = vec![reads(LineageEdgeKind::Reads), writes];
    lineage.pools.entry(Some("main".to_owned())).or_default().insert(job);
    let image = graph_svg(&lineage);
    assert!(image.contains(">copy&lt;all&gt;</text>"), "{image}");
    assert!(image.contains("<title>clicks → statements.copy&lt;all&gt;: reads</title>"), "{image}");
    assert!(image.contains(&format!("<title>{}</title>", "long".repeat(20))), "the tooltip has no full name: {image}");
    assert!(image.contains("…"), "the title is not shortened: {image}");
    assert!(image.contains(">pools.main</text>"), "{image}");
    assert_eq!(image.matches("marker-end").count(), 2, "{image}");
    assert_eq!(image, graph_svg(&lineage));
}

#[test]
fn every_pool_has_a_distinct_color_and_a_label() {
    for pools in [1, 6, 7, 12, 40] {
        let mut lineage = Lineage::default();
        for number in 0..pools {
            let address = Address::statement(format!("s{number}"));
            lineage
                .nodes
                .insert(LineageNode::Statement(address.clone()), LineageNodeKind::Statement(StatementKind::InsertInto));
            lineage.pools.entry(Some(format!("pool-{number}"))).or_default().insert(address);
        }
        let lines: std::collections::BTreeSet<String> =
            (0..pools).map(|number| pool_colors(number, pools).border).collect();
        assert_eq!(lines.len(), pools);
        let image = graph_svg(&lineage);
        assert!((0..pools).all(|number| image.contains(&format!(">pools.pool-{number}</text>"))), "{image}");
        // With one pool there is no need to name it in every box.
        assert_eq!(image.contains("INSERT INTO · pool-0</text>"), pools > 1, "{image}");
        assert!(!image.contains("depends_on") && !image.contains("external"), "{image}");
    }
}

#[test]
fn long_names_are_shortened_in_the_middle_and_the_legend_explains_lines() {
    let (one, other) = (Address::statement("orders-enriched-with-customers-and-products-v1"), Address::statement("b"));
    let mut lineage = Lineage::default();
    for address in [&one, &other] {
        lineage
            .nodes
            .insert(LineageNode::Statement(address.clone()), LineageNodeKind::Statement(StatementKind::InsertInto));
    }
    lineage.nodes.insert(table("clicks"), LineageNodeKind::External(ObjectKind::Table));
    let (from, to) = (LineageNode::Statement(one), LineageNode::Statement(other));
    lineage.edges = vec![LineageEdge { from, to, kind: LineageEdgeKind::Declared, place: None }];
    let image = graph_svg(&lineage);
    assert!(image.contains(">orders-enriched-w…-and-products-v1</text>"), "{image}");
    assert!(image.contains(">declared in depends_on only</text>"), "{image}");
    assert!(image.contains(">external: not created by this project</text>"), "{image}");
}

#[test]
fn an_empty_project_draws_a_notice() {
    assert!(graph_svg(&Lineage::default()).contains(">Nothing to draw: there are no statements.</text>"));
}
