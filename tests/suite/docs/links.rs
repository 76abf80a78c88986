//! Finds relative links that lead to no file or, after `#`, to no heading.

use std::{collections::BTreeMap, fs, path::Path};

use super::page::Page;

/// Returns a problem for each broken link of a page.
pub fn broken_links(page: &Page, root: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    for (line, text) in page.prose() {
        for target in link_targets(&without_code(text)) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((&target, ""));
            let folder = root.join(page.path.parent().unwrap_or(Path::new("")));
            let path = if file.is_empty() { root.join(&page.path) } else { folder.join(file) };
            if !file.is_empty() && !path.exists() {
                problems.push(page.problem_at(line, &format!("there is no file `{file}`")));
                continue;
            }
            if heading.is_empty() {
                continue;
            }
            let anchors = if file.is_empty() {
                anchors(page)
            } else {
                anchors(&Page::new(&path, &fs::read_to_string(&path).unwrap_or_default()))
            };
            if !anchors.iter().any(|anchor| anchor == heading) {
                problems
                    .push(page.problem_at(line, &format!("there is no heading `#{heading}` in `{}`", path.display())));
            }
        }
    }
    problems
}

/// Returns the anchors that GitHub makes for a page's headings.
fn anchors(page: &Page) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    page.headings()
        .map(|heading| {
            let kept = heading.to_lowercase();
            let kept: String = kept.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c)).collect();
            let slug = kept.replace(' ', "-");
            let count = seen.entry(slug.clone()).or_default();
            *count += 1;
            if *count == 1 { slug } else { format!("{slug}-{}", *count - 1) }
        })
        .collect()
}

/// Returns a line without the text in back-quotes.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// Returns the targets of the links in a line.
fn link_targets(line: &str) -> Vec<String> {
    let inline = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let reference = line.starts_with('[').then(|| line.split_once("]: ")).flatten().map(|(_, target)| target.trim());
    inline.chain(reference).map(|target| target.split_whitespace().next().unwrap_or_default().to_owned()).collect()
}
