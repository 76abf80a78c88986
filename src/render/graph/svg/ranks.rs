//! In which layer each box stands: after all that flows into it, but for links that close a circle.

use std::collections::BTreeSet;

/// Boxes and what flows between them, by number.
pub(super) struct LayoutGraph {
    /// How wide each box is.
    pub widths: Vec<f64>,
    /// What flows, each pair once, no box into itself.
    pub links: Vec<(usize, usize)>,
}

/// What a long link takes of a layer's length where it passes through.
pub(super) const LANE_WIDTH: f64 = 14.0;

impl LayoutGraph {
    /// For each link, whether it has to run backwards: without those there is no circle.
    pub fn back_links(&self) -> Vec<bool> {
        let mut outgoing: Vec<Vec<(usize, usize)>> = vec![Vec::new(); self.widths.len()];
        let mut entered = vec![false; self.widths.len()];
        for (number, (from, to)) in self.links.iter().enumerate() {
            outgoing.get_mut(*from).into_iter().for_each(|out| out.push((*to, number)));
            entered.get_mut(*to).into_iter().for_each(|entered| *entered = true);
        }
        // A walk in depth from what nothing flows into; a link to a box on the way itself closes a circle.
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

    /// The layer of each box; `arcs` have no circle. With `room`, a layer is no longer than that wherever more layers help.
    pub fn ranks(&self, arcs: &[(usize, usize)], room: Option<f64>) -> Vec<usize> {
        let adjacency = LayoutAdjacency::of(self.widths.len(), arcs);
        let longest_ranks = adjacency.longest_path_ranks();
        match room {
            Some(room) => adjacency.ranks_within_width(&self.widths, &longest_ranks, room),
            None => longest_ranks,
        }
    }
}

struct LayoutAdjacency {
    successors: Vec<Vec<usize>>,
    predecessors: Vec<Vec<usize>>,
}

impl LayoutAdjacency {
    fn of(count: usize, arcs: &[(usize, usize)]) -> LayoutAdjacency {
        let (mut successors, mut predecessors) = (vec![Vec::new(); count], vec![Vec::new(); count]);
        for (from, to) in arcs {
            successors.get_mut(*from).into_iter().for_each(|successors: &mut Vec<usize>| successors.push(*to));
            predecessors.get_mut(*to).into_iter().for_each(|predecessors: &mut Vec<usize>| predecessors.push(*from));
        }
        LayoutAdjacency { successors, predecessors }
    }

    fn successors(&self, node: usize) -> &[usize] {
        self.successors.get(node).map_or(&[], Vec::as_slice)
    }

    fn is_source(&self, node: usize) -> bool {
        self.predecessors.get(node).is_none_or(Vec::is_empty)
    }

    /// The longest way to each box; a source stands just before the first that it flows into, and not with all others of
    /// its sort at the very beginning.
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

    /// Fills layer after layer, lowest of `longest` first, until `room` is used up; what does not fit waits for the next.
    fn ranks_within_width(&self, widths: &[f64], longest: &[usize], room: f64) -> Vec<usize> {
        let count = widths.len();
        let mut left: Vec<usize> = self.predecessors.iter().map(Vec::len).collect();
        let mut unfinished: Vec<usize> = self.successors.iter().map(Vec::len).collect();
        // A source waits until all else that flows into its first reader stands.
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

/// The value at a place; nothing, where there is none.
pub(super) fn get_or_default<T: Copy + Default>(values: &[T], place: usize) -> T {
    values.get(place).copied().unwrap_or_default()
}

pub(super) fn set_if_present<T>(values: &mut [T], place: usize, value: T) {
    if let Some(known) = values.get_mut(place) {
        *known = value;
    }
}
