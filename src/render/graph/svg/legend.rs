//! The legend below the drawing: what the colors and lines mean.

use std::fmt::Write;

use super::page::{MARGIN, SUBTITLE_CHAR_WIDTH, escape_xml};
use crate::graph::lineage::{Lineage, LineageNodeKind};

/// The border and fill colors of the statements of one pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PoolColors {
    /// The border color as CSS.
    pub border: String,
    /// The fill color as CSS.
    pub fill: String,
}

/// The colors of up to six pools, chosen to be easy to tell apart.
const PALETTE: [(&str, &str); 6] = [
    ("#1a73e8", "#eef4fe"),
    ("#9334e6", "#f6eefe"),
    ("#e8710a", "#fef3ea"),
    ("#12858d", "#eaf6f7"),
    ("#c5221f", "#fdeeee"),
    ("#5f6368", "#f1f3f4"),
];

/// Returns the colors of pool `number` of `of` pools. No two pools have the same colors.
pub(super) fn pool_colors(number: usize, of: usize) -> PoolColors {
    if let Some((border, fill)) = PALETTE.get(number).filter(|_| of <= PALETTE.len()) {
        return PoolColors { border: (*border).to_owned(), fill: (*fill).to_owned() };
    }
    // Hues are spread over the color circle. Neighboring hues differ in lightness, too.
    let hue = number as f64 * 360.0 / of.max(1) as f64;
    let light = [45, 30, 60].get(number % 3).copied().unwrap_or(45);
    PoolColors { border: format!("hsl({hue:.1}, 75%, {light}%)"), fill: format!("hsl({hue:.1}, 80%, 96%)") }
}

/// The sample that an entry shows in front of its label.
enum LegendSample {
    /// A square in the colors of a pool.
    Pool(PoolColors),
    /// A dotted line for declared edges.
    Declared,
    /// A dashed border for external objects.
    External,
}

/// One entry of the legend and its position.
struct LegendEntry {
    /// The left edge, without the margin.
    x: f64,
    /// The top edge, within the legend.
    y: f64,
    /// The sample in front of the label.
    sample: LegendSample,
    /// The text after the sample.
    label: String,
}

/// The placed entries of a legend and their total size.
pub(super) struct Legend {
    /// The entries, row by row.
    entries: Vec<LegendEntry>,
    /// The width of the widest row.
    pub width: f64,
    /// The height of all rows.
    pub height: f64,
}

impl Legend {
    /// Returns a legend of this width: every pool, and the meaning of dotted lines and dashed borders if
    /// there are any.
    pub(super) fn of(lineage: &Lineage, has_declared_link: bool, width: f64) -> Legend {
        let name =
            |pool: &Option<String>| pool.as_ref().map_or("default pool".to_owned(), |pool| format!("pools.{pool}"));
        let pools = lineage.pools.keys().enumerate();
        let pools =
            pools.map(|(number, pool)| (LegendSample::Pool(pool_colors(number, lineage.pools.len())), name(pool)));
        let declared = has_declared_link.then(|| (LegendSample::Declared, "declared in depends_on only".to_owned()));
        let is_external = |looks: &LineageNodeKind| matches!(looks, LineageNodeKind::External(_));
        let external = lineage.nodes.values().any(is_external);
        let external = external.then(|| (LegendSample::External, "external: not created by this project".to_owned()));
        let (mut x, mut y) = (0.0, 0.0);
        let mut legend = Legend { entries: Vec::new(), width: 0.0, height: 0.0 };
        for (sample, label) in pools.chain(declared).chain(external) {
            let entry_width = sample.width() + 7.0 + label.chars().count() as f64 * SUBTITLE_CHAR_WIDTH * 1.1;
            if x > 0.0 && x + entry_width > width {
                (x, y) = (0.0, y + 22.0);
            }
            legend.width = legend.width.max(x + entry_width);
            legend.height = y + 30.0;
            legend.entries.push(LegendEntry { x, y, sample, label });
            x += entry_width + 22.0;
        }
        legend
    }

    /// Draws the legend below `top`.
    pub(super) fn draw(&self, text: &mut String, top: f64) {
        for LegendEntry { x, y, sample, label } in &self.entries {
            let (x, y) = (x + MARGIN, y + top + 22.0);
            match sample {
                LegendSample::Pool(PoolColors { border, fill }) => {
                    let swatch = Swatch { width: sample.width(), fill, border, dash: "" };
                    swatch.write(text, (x, y));
                }
                LegendSample::External => {
                    let dash = " stroke-dasharray=\"5 4\"";
                    let swatch = Swatch { width: sample.width(), fill: "#fafafa", border: "#9aa0a6", dash };
                    swatch.write(text, (x, y));
                }
                LegendSample::Declared => {
                    let _ = write!(
                        text,
                        "<path d=\"M{x:.1} {:.1} h{}\" stroke=\"#9aa0a6\" stroke-width=\"1.4\" stroke-dasharray=\"2 4\"/>",
                        y + 6.0,
                        sample.width()
                    );
                }
            }
            let _ = writeln!(
                text,
                "<text x=\"{:.1}\" y=\"{:.1}\" font-size=\"12\" fill=\"#3c4043\">{}</text>",
                x + sample.width() + 7.0,
                y + 10.5,
                escape_xml(label)
            );
        }
    }
}

impl LegendSample {
    /// Returns the width of the sample.
    fn width(&self) -> f64 {
        match self {
            LegendSample::Pool(_) => 12.0,
            LegendSample::Declared | LegendSample::External => 28.0,
        }
    }
}

/// A small rectangle that shows the colors of boxes.
struct Swatch<'a> {
    /// The width of the rectangle.
    width: f64,
    /// The color inside the border.
    fill: &'a str,
    /// The color of the border.
    border: &'a str,
    /// The attribute of a dashed border, empty for a solid one.
    dash: &'a str,
}

impl Swatch<'_> {
    /// Writes the rectangle with its upper left corner at `x` and `y`.
    fn write(&self, text: &mut String, (x, y): (f64, f64)) {
        let Swatch { width, fill, border, dash } = self;
        let _ = write!(
            text,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width}\" height=\"12\" rx=\"3\" fill=\"{fill}\" \
             stroke=\"{border}\" stroke-width=\"2\"{dash}/>"
        );
    }
}
