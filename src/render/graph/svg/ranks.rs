//! The layer of each box: after all boxes that link to it, except for links that close a cycle.

use std::collections::BTreeSet;

/// The boxes and the links between them, by number.
pub(super) struct LayoutGraph {
    /// The width of each box.
    pub widths: Vec<f64>,
    /// The links. Each pair occurs once, and no box links to itself.
    pub links: Vec<(usize, usize)>,
}

/// The length of a layer that a long link takes when it passes through.
pub(super) const LANE_WIDTH: f64 = 14.0;

impl LayoutGraph {
    /// Returns for each link whether it has to run backward. Without these links the graph has no cycle.
    pub fn back_links(&self) -> Vec<bool> {
        let mut outgoing: Vec<Vec<(usize, usize)>> = vec![Vec::new(); self.widths.len()];
        let mut entered = vec![false; self.widths.len()];
        for (number, (from, to)) in self.links.iter().enumerate() {
            outgoing.get_mut(*from).into_iter().for_each(|out| out.push((*to, number)));
            entered.get_mut(*to).into_iter().for_each(|entered| *entered = true);
        }
        // A depth-first search that starts with the boxes without incoming links. A link to a box on the current path
        // closes a cycle.
        let mut starts: Vec<usize> = (0..self.widths.len()).collect();
        starts.sort_by_key(|node| get_or_default(&entered, *node));
        let mut back = vec![false; self.links.len()];
        let (mut seen, mut on_path) = (vec![false; self.widths.len()], vec![false; self.widths.len()]);
        for start in starts {
            if get_or_default(&seen, start) {
                continue;
            }
            set_if_present(&mut seen, start, true);
            set_if_present(&mut on_path, start, true);
            let mut path = vec![(start, 0_usize)];
            while let Some((node, next)) = path.last_mut() {
                let Some((to, number)) = outgoing.get(*node).and_then(|out| out.get(*next)).copied() else {
                    set_if_present(&mut on_path, *node, false);
                    path.pop();
                    continue;
                };
                *next = next.saturating_add(1);
                if get_or_default(&on_path, to) {
                    set_if_present(&mut back, number, true);
                } else if !get_or_default(&seen, to) {
                    set_if_present(&mut seen, to, true);
                    set_if_present(&mut on_path, to, true);
                    path.push((to, 0));
                }
            }
        }
        back
    }

    /// Returns the layer of each box. `arcs` must have no cycle. With `room`, layers are split so that none is
    /// longer, if possible.
    pub fn ranks(&self, arcs: &[(usize, usize)], room: Option<f64>) -> Vec<usize> {
        let adjacency = LayoutAdjacency::of(self.widths.len(), arcs);
        let longest_ranks = adjacency.longest_path_ranks();
        match room {
            Some(room) => adjacency.ranks_within_width(&self.widths, &longest_ranks, room),
            None => longest_ranks,
        }
    }
}

/// The arcs of a graph without cycles, by box.
struct LayoutAdjacency {
    /// The boxes that each box links to.
    successors: Vec<Vec<usize>>,
    /// The boxes that link to each box.
    predecessors: Vec<Vec<usize>>,
}

impl LayoutAdjacency {
    /// Builds the adjacency of `count` boxes.
    fn of(count: usize, arcs: &[(usize, usize)]) -> LayoutAdjacency {
        let (mut successors, mut predecessors) = (vec![Vec::new(); count], vec![Vec::new(); count]);
        for (from, to) in arcs {
            successors.get_mut(*from).into_iter().for_each(|successors: &mut Vec<usize>| successors.push(*to));
            predecessors.get_mut(*to).into_iter().for_each(|predecessors: &mut Vec<usize>| predecessors.push(*from));
        }
        LayoutAdjacency { successors, predecessors }
    }

    /// Returns the boxes that a box links to.
    fn successors(&self, node: usize) -> &[usize] {
        self.successors.get(node).map_or(&[], Vec::as_slice)
    }

    /// Returns whether no box links to this one.
    fn is_source(&self, node: usize) -> bool {
        self.predecessors.get(node).is_none_or(Vec::is_empty)
    }

    /// Returns the length of the longest path to each box. A source is placed just before the first box that it links
    /// to, not with all other sources in the first layer.
    fn longest_path_ranks(&self) -> Vec<usize> {
        let mut left: Vec<usize> = self.predecessors.iter().map(Vec::len).collect();
        let mut ranks = vec![0_usize; left.len()];
        let mut open: Vec<usize> = (0..left.len()).filter(|node| self.is_source(*node)).collect();
        while let Some(node) = open.pop() {
            let rank = get_or_default(&ranks, node).saturating_add(1);
            for to in self.successors(node) {
                let known = get_or_default(&ranks, *to);
                set_if_present(&mut ranks, *to, known.max(rank));
                let rest = get_or_default(&left, *to).saturating_sub(1);
                set_if_present(&mut left, *to, rest);
                if rest == 0 {
                    open.push(*to);
                }
            }
        }
        for node in (0..left.len()).filter(|node| self.is_source(*node)) {
            if let Some(first) = self.successors(node).iter().map(|to| get_or_default(&ranks, *to)).min() {
                set_if_present(&mut ranks, node, first.saturating_sub(1));
            }
        }
        ranks
    }

    /// Fills one layer after the other until `room` is used up, boxes with the lowest rank in `longest` first. Boxes
    /// that do not fit go to the next layer.
    fn ranks_within_width(&self, widths: &[f64], longest: &[usize], room: f64) -> Vec<usize> {
        let count = widths.len();
        let mut left: Vec<usize> = self.predecessors.iter().map(Vec::len).collect();
        let mut unfinished: Vec<usize> = self.successors.iter().map(Vec::len).collect();
        // A source waits until all other predecessors of its first reader are placed.
        let mut other_predecessors_left: Vec<usize> = self
            .predecessors
            .iter()
            .map(|before| before.iter().filter(|node| !self.is_source(**node)).count())
            .collect();
        let mut waiting: Vec<Vec<usize>> = vec![Vec::new(); count];
        let mut ready: BTreeSet<(usize, usize)> = BTreeSet::new();
        for node in (0..count).filter(|node| self.is_source(*node)) {
            match self.successors(node).iter().copied().min_by_key(|to| (get_or_default(longest, *to), *to)) {
                Some(first) if get_or_default(&other_predecessors_left, first) > 0 => {
                    waiting.get_mut(first).into_iter().for_each(|waiting| waiting.push(node));
                }
                _ => drop(ready.insert((get_or_default(longest, node), node))),
            }
        }
        let mut ranks = vec![0_usize; count];
        let (mut layer, mut lanes) = (0_usize, 0_usize);
        while !ready.is_empty() {
            let (mut used, mut first) = (lanes as f64 * LANE_WIDTH, true);
            let mut later = Vec::new();
            while let Some((rank, node)) = ready.pop_first() {
                let width = get_or_default(widths, node) + 2.0 * LANE_WIDTH;
                if !first && used + width > room {
                    ready.insert((rank, node));
                    break;
                }
                (used, first) = (used + width, false);
                set_if_present(&mut ranks, node, layer);
                lanes = lanes.saturating_add(usize::from(!self.successors(node).is_empty()));
                for from in self.predecessors.get(node).into_iter().flatten() {
                    let rest = get_or_default(&unfinished, *from).saturating_sub(1);
                    set_if_present(&mut unfinished, *from, rest);
                    lanes = lanes.saturating_sub(usize::from(rest == 0));
                }
                for to in self.successors(node) {
                    let rest = get_or_default(&left, *to).saturating_sub(1);
                    set_if_present(&mut left, *to, rest);
                    if rest == 0 {
                        later.push((get_or_default(longest, *to), *to));
                    }
                    if !self.is_source(node) {
                        let rest = get_or_default(&other_predecessors_left, *to).saturating_sub(1);
                        set_if_present(&mut other_predecessors_left, *to, rest);
                        if rest == 0 {
                            let released = waiting.get_mut(*to).map(std::mem::take).unwrap_or_default();
                            ready.extend(released.into_iter().map(|source| (get_or_default(longest, source), source)));
                        }
                    }
                }
            }
            ready.extend(later);
            layer = layer.saturating_add(1);
        }
        ranks
    }
}

/// Returns the value at an index, or the default value if there is none.
pub(super) fn get_or_default<T: Copy + Default>(values: &[T], place: usize) -> T {
    values.get(place).copied().unwrap_or_default()
}

/// Sets the value at an index, if the index exists.
pub(super) fn set_if_present<T>(values: &mut [T], place: usize, value: T) {
    if let Some(known) = values.get_mut(place) {
        *known = value;
    }
}
