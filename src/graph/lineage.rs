//! The graph for people: statements, the objects that connect them, and the pools that they run on.

use std::collections::{BTreeMap, BTreeSet};

use super::{Edge, EdgeReason, Graph, SqlObject};
use crate::{
    resource::{Address, ResourceKind as AddressKind, SourceLocation},
    sql::{ObjectKind, StatementKind, Usage},
};

/// What a diagram shows, as plain data in a stable order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lineage {
    /// Every node and its kind.
    pub nodes: BTreeMap<LineageNode, LineageNodeKind>,
    /// Every edge, in the direction in which data or readiness flows. Sorted by its ends and its kind.
    pub edges: Vec<LineageEdge>,
    /// Statements by the key of their pool. Statements of the environment's default pool are under `None`.
    pub pools: BTreeMap<Option<String>, BTreeSet<Address>>,
}

/// A node of the diagram.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum LineageNode {
    /// A statement, by its address.
    Statement(Address),
    /// A table, view, function, model or other object.
    Object(SqlObject),
}

/// The kind of a node, which determines its appearance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LineageNodeKind {
    /// A statement of this kind.
    Statement(StatementKind),
    /// An object that a statement of the project creates.
    Managed(ObjectKind),
    /// An object from elsewhere: a topic, a function of another team.
    External(ObjectKind),
}

/// An edge of the diagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineageEdge {
    /// The node where it starts.
    pub from: LineageNode,
    /// The node where it ends.
    pub to: LineageNode,
    /// What the edge means.
    pub kind: LineageEdgeKind,
    /// Where the SQL shows it first, or where the manifest declares it.
    pub place: Option<SourceLocation>,
}

/// What an edge means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LineageEdgeKind {
    /// The SQL of a statement creates the object.
    Creates,
    /// The SQL of a statement alters the object.
    Alters,
    /// The SQL of a statement drops the object.
    Drops,
    /// The SQL of a statement reads or calls the object.
    Reads,
    /// The SQL of a statement writes to the object.
    Writes,
    /// `depends_on` declares that the statement at the end needs the statement at the start.
    Declared,
}

impl LineageEdgeKind {
    /// Returns whether the SQL shows the edge. Otherwise a manifest declares it.
    pub fn is_inferred(self) -> bool {
        self != LineageEdgeKind::Declared
    }
}

/// Returns the lineage of the whole project, or what is upstream and downstream of the target statements and pools,
/// with the statements that create and alter those objects.
pub fn lineage(graph: &Graph, targets: &[Address]) -> Lineage {
    let whole = whole_lineage(graph);
    if targets.is_empty() {
        return whole;
    }
    let mut kept: BTreeSet<&LineageNode> = BTreeSet::new();
    let nodes_of_target = |target: &Address| -> Vec<LineageNode> {
        match target.kind {
            AddressKind::Statement => vec![LineageNode::Statement(target.clone())],
            AddressKind::Pool => {
                let users = whole.pools.get(&Some(target.key.clone())).into_iter().flatten();
                users.cloned().map(LineageNode::Statement).collect()
            }
        }
    };
    let targets: BTreeSet<LineageNode> = targets.iter().flat_map(nodes_of_target).collect();
    let (mut downstream, mut upstream): (AdjacencyMap<'_>, AdjacencyMap<'_>) = (BTreeMap::new(), BTreeMap::new());
    for edge in &whole.edges {
        downstream.entry(&edge.from).or_default().push(&edge.to);
        upstream.entry(&edge.to).or_default().push(&edge.from);
    }
    for target in whole.nodes.keys().filter(|node| targets.contains(node)) {
        add_reachable(&downstream, target, &mut kept);
        add_reachable(&upstream, target, &mut kept);
    }
    // Include statements that create or alter an object that is shown, even if the target only writes to it.
    let defines_kept_object = |edge: &&LineageEdge| {
        matches!(edge.kind, LineageEdgeKind::Creates | LineageEdgeKind::Alters) && kept.contains(&edge.to)
    };
    let definers: Vec<&LineageNode> = whole.edges.iter().filter(defines_kept_object).map(|link| &link.from).collect();
    kept.extend(definers);
    whole.restricted_to(&kept)
}

/// The neighbors of each node in one direction.
type AdjacencyMap<'a> = BTreeMap<&'a LineageNode, Vec<&'a LineageNode>>;

/// Adds `start` and every node that `next` leads to.
fn add_reachable<'a>(next: &AdjacencyMap<'a>, start: &'a LineageNode, kept: &mut BTreeSet<&'a LineageNode>) {
    let mut seen = BTreeSet::from([start]);
    let mut open = vec![start];
    while let Some(node) = open.pop() {
        open.extend(next.get(node).into_iter().flatten().copied().filter(|other| seen.insert(*other)));
    }
    kept.extend(seen);
}

/// Returns the lineage of the whole project.
fn whole_lineage(graph: &Graph) -> Lineage {
    let mut lineage = Lineage::default();
    for (key, statement) in &graph.project.statements {
        let address = Address::statement(key);
        if let Some(analysis) = graph.analysis(key) {
            lineage.nodes.insert(LineageNode::Statement(address.clone()), LineageNodeKind::Statement(analysis.kind));
        }
        lineage.pools.entry(statement.spec.pool.clone()).or_default().insert(address);
    }
    for (object, users) in &graph.objects {
        if is_external_function(object, users.creator.as_deref()) {
            continue;
        }
        let kind = if users.creator.is_some() {
            LineageNodeKind::Managed(object.kind)
        } else {
            LineageNodeKind::External(object.kind)
        };
        lineage.nodes.insert(LineageNode::Object(object.clone()), kind);
    }
    let mut edges: BTreeMap<(LineageNode, LineageNode, LineageEdgeKind), Option<SourceLocation>> = BTreeMap::new();
    for (from, to, kind, place) in edges_from_sql(graph).chain(edges_from_depends_on(graph)) {
        edges.entry((from, to, kind)).or_insert(place);
    }
    lineage.edges = edges.into_iter().map(|((from, to, kind), place)| LineageEdge { from, to, kind, place }).collect();
    lineage
}

/// Returns whether no statement of the project creates this function. It is then most likely built into Flink, and
/// says nothing about dependencies.
fn is_external_function(object: &SqlObject, creator: Option<&str>) -> bool {
    object.kind == ObjectKind::Function && creator.is_none()
}

/// The start, end, kind and place of an edge.
type EdgeParts = (LineageNode, LineageNode, LineageEdgeKind, Option<SourceLocation>);

/// Returns the edges that the SQL of each statement shows.
fn edges_from_sql(graph: &Graph) -> impl Iterator<Item = EdgeParts> {
    graph.project.statements.iter().flat_map(move |(key, statement)| {
        let analysis = &statement.analysis;
        let renamed = analysis.renamed_to.iter().map(|mention| (LineageEdgeKind::Creates, mention));
        let mentions = analysis.mentions.iter().map(|mention| (edge_kind_of(mention.usage), mention));
        mentions.chain(renamed).filter_map(move |(flow, mention)| {
            let object = graph.object_of(key, mention)?;
            if is_external_function(&object, graph.creator_of(&object)) {
                return None;
            }
            let object = LineageNode::Object(object);
            let statement = LineageNode::Statement(Address::statement(key));
            let place = graph.project.statements.get(key).map(|statement| statement.source_map.locate(&mention.span));
            let (from, to) = if flow == LineageEdgeKind::Reads { (object, statement) } else { (statement, object) };
            Some((from, to, flow, place))
        })
    })
}

/// Returns the edges that `depends_on` declares.
fn edges_from_depends_on(graph: &Graph) -> impl Iterator<Item = EdgeParts> {
    let declared = |edge: &&Edge| edge.reason == EdgeReason::Declared && edge.to.kind == AddressKind::Statement;
    graph.edges.iter().filter(declared).map(|edge| {
        let (from, to) = (LineageNode::Statement(edge.to.clone()), LineageNode::Statement(edge.from.clone()));
        (from, to, LineageEdgeKind::Declared, graph.place_of_edge(edge))
    })
}

/// Returns the kind of the edge for a usage of an object.
fn edge_kind_of(usage: Usage) -> LineageEdgeKind {
    match usage {
        Usage::Creates => LineageEdgeKind::Creates,
        Usage::Alters => LineageEdgeKind::Alters,
        Usage::Drops => LineageEdgeKind::Drops,
        Usage::Reads | Usage::Calls => LineageEdgeKind::Reads,
        Usage::Writes => LineageEdgeKind::Writes,
    }
}

impl Lineage {
    /// Returns the part of the lineage that contains only these nodes.
    fn restricted_to(&self, kept: &BTreeSet<&LineageNode>) -> Lineage {
        let is_kept = |address: &&Address| kept.contains(&LineageNode::Statement((*address).clone()));
        Lineage {
            nodes: self
                .nodes
                .iter()
                .filter(|(node, _)| kept.contains(node))
                .map(|(node, kind)| (node.clone(), *kind))
                .collect(),
            edges: self
                .edges
                .iter()
                .filter(|edge| kept.contains(&edge.from) && kept.contains(&edge.to))
                .cloned()
                .collect(),
            pools: self
                .pools
                .iter()
                .map(|(pool, addresses)| {
                    (pool.clone(), addresses.iter().filter(is_kept).cloned().collect::<BTreeSet<_>>())
                })
                .filter(|(_, addresses)| !addresses.is_empty())
                .collect(),
        }
    }
}
