//! The graph as a person looks at it: statements, what flows through them, and the pools they run on.

use std::collections::{BTreeMap, BTreeSet};

use super::{Edge, Graph, Object, Why};
use crate::{
    resource::{Address, ResourceKind as AddressKind, SourceLocation},
    sql::{Kind, ObjectKind, Use},
};

/// What is drawn, as plain data in a stable order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lineage {
    /// Every box.
    pub nodes: BTreeMap<Node, Looks>,
    /// Every arrow, in the direction in which data or readiness flows; sorted by its ends and what it means.
    pub links: Vec<Link>,
    /// Statements by the key of their pool; under `None` those of the environment's default pool.
    pub pools: BTreeMap<Option<String>, BTreeSet<Address>>,
}

/// A box.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    /// A statement.
    Statement(Address),
    /// A table, view, function, model, …
    Object(Object),
}

/// What a box looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Looks {
    /// A statement of this kind.
    Statement(Kind),
    /// An object that a statement of the project creates.
    Own(ObjectKind),
    /// An object that comes from elsewhere: a topic, a function of another team.
    External(ObjectKind),
}

/// An arrow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where it begins.
    pub from: Node,
    /// Where it ends.
    pub to: Node,
    /// What it means.
    pub flow: Flow,
    /// Where the SQL shows it, the first time, or where the manifest says it.
    pub place: Option<SourceLocation>,
}

/// What an arrow means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flow {
    /// The SQL of a statement creates the object.
    Creates,
    /// The SQL of a statement alters the object.
    Alters,
    /// The SQL of a statement drops the object.
    Drops,
    /// The SQL of a statement reads or calls the object.
    Reads,
    /// The SQL of a statement writes the object.
    Writes,
    /// `depends_on` says that the one at the end needs the one at the beginning.
    Declared,
}

impl Flow {
    /// Whether the SQL shows it, rather than a manifest saying it.
    pub fn is_inferred(self) -> bool {
        self != Flow::Declared
    }
}

/// The whole project, or what lies upstream and downstream of some statements and pools, with who creates and alters that.
pub fn lineage(graph: &Graph, targets: &[Address]) -> Lineage {
    let whole = whole(graph);
    if targets.is_empty() {
        return whole;
    }
    let mut kept: BTreeSet<&Node> = BTreeSet::new();
    let around = |target: &Address| -> Vec<Node> {
        match target.kind {
            AddressKind::Statement => vec![Node::Statement(target.clone())],
            AddressKind::Pool => {
                let users = whole.pools.get(&Some(target.key.clone())).into_iter().flatten();
                users.cloned().map(Node::Statement).collect()
            }
        }
    };
    let targets: BTreeSet<Node> = targets.iter().flat_map(around).collect();
    let (mut down, mut up): (Neighbours<'_>, Neighbours<'_>) = (BTreeMap::new(), BTreeMap::new());
    for link in &whole.links {
        down.entry(&link.from).or_default().push(&link.to);
        up.entry(&link.to).or_default().push(&link.from);
    }
    for target in whole.nodes.keys().filter(|node| targets.contains(node)) {
        reach(&down, target, &mut kept);
        reach(&up, target, &mut kept);
    }
    // Who makes or shapes what is shown belongs to it, also where the target only writes it.
    let shapes = |link: &&Link| matches!(link.flow, Flow::Creates | Flow::Alters) && kept.contains(&link.to);
    let makers: Vec<&Node> = whole.links.iter().filter(shapes).map(|link| &link.from).collect();
    kept.extend(makers);
    whole.only(&kept)
}

type Neighbours<'a> = BTreeMap<&'a Node, Vec<&'a Node>>;

/// Adds `start` and all that `next` leads to.
fn reach<'a>(next: &Neighbours<'a>, start: &'a Node, kept: &mut BTreeSet<&'a Node>) {
    let mut seen = BTreeSet::from([start]);
    let mut open = vec![start];
    while let Some(node) = open.pop() {
        open.extend(next.get(node).into_iter().flatten().copied().filter(|other| seen.insert(*other)));
    }
    kept.extend(seen);
}

fn whole(graph: &Graph) -> Lineage {
    let mut lineage = Lineage::default();
    for (key, statement) in &graph.project.statements {
        let address = Address::statement(key);
        if let Some(reading) = graph.reading(key) {
            lineage.nodes.insert(Node::Statement(address.clone()), Looks::Statement(reading.kind));
        }
        lineage.pools.entry(statement.spec.pool.clone()).or_default().insert(address);
    }
    for (object, parties) in &graph.objects {
        if is_built_in(object, parties.creator.as_deref()) {
            continue;
        }
        let looks = if parties.creator.is_some() { Looks::Own(object.kind) } else { Looks::External(object.kind) };
        lineage.nodes.insert(Node::Object(object.clone()), looks);
    }
    let mut links: BTreeMap<(Node, Node, Flow), Option<SourceLocation>> = BTreeMap::new();
    for (from, to, flow, place) in shown(graph).chain(declared(graph)) {
        links.entry((from, to, flow)).or_insert(place);
    }
    lineage.links = links.into_iter().map(|((from, to, flow), place)| Link { from, to, flow, place }).collect();
    lineage
}

/// A function that nobody here makes is most likely one of Flink's own, and says nothing about who needs whom.
fn is_built_in(object: &Object, creator: Option<&str>) -> bool {
    object.kind == ObjectKind::Function && creator.is_none()
}

type Arrow = (Node, Node, Flow, Option<SourceLocation>);

/// What the SQL of each statement shows.
fn shown(graph: &Graph) -> impl Iterator<Item = Arrow> {
    graph.project.statements.iter().flat_map(move |(key, statement)| {
        let reading = &statement.reading;
        let renamed = reading.renamed_to.iter().map(|mention| (Flow::Creates, mention));
        let mentions = reading.mentions.iter().map(|mention| (flow_of(mention.role), mention));
        mentions.chain(renamed).filter_map(move |(flow, mention)| {
            let object = graph.object_of(key, mention)?;
            if is_built_in(&object, graph.creator_of(&object)) {
                return None;
            }
            let object = Node::Object(object);
            let statement = Node::Statement(Address::statement(key));
            let place = graph.project.statements.get(key).map(|statement| statement.sql.locate(&mention.span));
            let (from, to) = if flow == Flow::Reads { (object, statement) } else { (statement, object) };
            Some((from, to, flow, place))
        })
    })
}

/// What `depends_on` says.
fn declared(graph: &Graph) -> impl Iterator<Item = Arrow> {
    let declared = |edge: &&Edge| edge.why == Why::Declared && edge.to.kind == AddressKind::Statement;
    graph.edges.iter().filter(declared).map(|edge| {
        let (from, to) = (Node::Statement(edge.to.clone()), Node::Statement(edge.from.clone()));
        (from, to, Flow::Declared, graph.place_of(edge))
    })
}

fn flow_of(role: Use) -> Flow {
    match role {
        Use::Creates => Flow::Creates,
        Use::Alters => Flow::Alters,
        Use::Drops => Flow::Drops,
        Use::Reads | Use::Calls => Flow::Reads,
        Use::Writes => Flow::Writes,
    }
}

impl Lineage {
    /// The part of it that has only these boxes.
    fn only(&self, kept: &BTreeSet<&Node>) -> Lineage {
        let is_kept = |address: &&Address| kept.contains(&Node::Statement((*address).clone()));
        Lineage {
            nodes: self
                .nodes
                .iter()
                .filter(|(node, _)| kept.contains(node))
                .map(|(node, looks)| (node.clone(), *looks))
                .collect(),
            links: self
                .links
                .iter()
                .filter(|link| kept.contains(&link.from) && kept.contains(&link.to))
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
