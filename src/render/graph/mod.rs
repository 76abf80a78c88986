//! The lineage as DOT, Mermaid, JSON and SVG.

mod dot;
mod json;
mod labels;
mod mermaid;
mod svg;

pub use dot::graph_dot;
pub use json::graph_json;
pub use mermaid::graph_mermaid;
pub use svg::graph_svg;
