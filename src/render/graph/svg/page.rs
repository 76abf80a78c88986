//! What the boxes and the legend share: the margin, the width of text, and the escaping of XML.

/// The margin around the drawing, in pixels.
pub(super) const MARGIN: f64 = 28.0;
/// The mean width of a character of a box's second line, in pixels.
pub(super) const SUBTITLE_CHAR_WIDTH: f64 = 6.2;

/// Escapes the characters that have a meaning in XML.
pub(super) fn escape_xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
