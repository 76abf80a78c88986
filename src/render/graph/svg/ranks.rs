//! In which layer each box stands: after all that flows into it, but for links that close a circle.

use std::collections::BTreeSet;

/// Boxes and what flows between them, by number.
pub(super) struct Sketch {
    /// How wide each box is.
    pub widths: Vec<f64>,
    /// What flows, each pair once, no box into itself.
    pub links: Vec<(usize, usize)>,
}

/// What a long link takes of a layer's length where it passes through.
pub(super) const LANE: f64 = 14.0;

impl Sketch {
    /// For each link, whether it has to run backwards: without those there is no circle.
    pub fn backwards(&self) -> Vec<bool> {
        let mut out: Vec<Vec<(usize, usize)>> = vec![Vec::new(); self.widths.len()];
        let mut entered = vec![false; self.widths.len()];
        for (number, (from, to)) in self.links.iter().enumerate() {
            out.get_mut(*from).into_iter().for_each(|out| out.push((*to, number)));
            entered.get_mut(*to).into_iter().for_each(|entered| *entered = true);
        }
        // A walk in depth from what nothing flows into; a link to a box on the way itself closes a circle.
        let mut starts: Vec<usize> = (0..self.widths.len()).collect();
        starts.sort_by_key(|node| at(&entered, *node));
        let mut back = vec![false; self.links.len()];
        let (mut seen, mut on_way) = (vec![false; self.widths.len()], vec![false; self.widths.len()]);
        for start in starts {
            if at(&seen, start) {
                continue;
            }
            set(&mut seen, start, true);
            set(&mut on_way, start, true);
            let mut way = vec![(start, 0_usize)];
            while let Some((node, next)) = way.last_mut() {
                let Some((to, number)) = out.get(*node).and_then(|out| out.get(*next)).copied() else {
                    set(&mut on_way, *node, false);
                    way.pop();
                    continue;
                };
                *next = next.saturating_add(1);
                if at(&on_way, to) {
                    set(&mut back, number, true);
                } else if !at(&seen, to) {
                    set(&mut seen, to, true);
                    set(&mut on_way, to, true);
                    way.push((to, 0));
                }
            }
        }
        back
    }

    /// The layer of each box; `arcs` have no circle. With `room`, a layer is no longer than that wherever more layers help.
    pub fn ranks(&self, arcs: &[(usize, usize)], room: Option<f64>) -> Vec<usize> {
        let flow = Flow::of(self.widths.len(), arcs);
        let longest = flow.longest();
        match room {
            Some(room) => flow.within(&self.widths, &longest, room),
            None => longest,
        }
    }
}

struct Flow {
    next: Vec<Vec<usize>>,
    before: Vec<Vec<usize>>,
}

impl Flow {
    fn of(count: usize, arcs: &[(usize, usize)]) -> Flow {
        let (mut next, mut before) = (vec![Vec::new(); count], vec![Vec::new(); count]);
        for (from, to) in arcs {
            next.get_mut(*from).into_iter().for_each(|next: &mut Vec<usize>| next.push(*to));
            before.get_mut(*to).into_iter().for_each(|before: &mut Vec<usize>| before.push(*from));
        }
        Flow { next, before }
    }

    fn next(&self, node: usize) -> &[usize] {
        self.next.get(node).map_or(&[], Vec::as_slice)
    }

    fn is_source(&self, node: usize) -> bool {
        self.before.get(node).is_none_or(Vec::is_empty)
    }

    /// The longest way to each box; a source stands just before the first that it flows into, and not with all others of
    /// its sort at the very beginning.
    fn longest(&self) -> Vec<usize> {
        let mut left: Vec<usize> = self.before.iter().map(Vec::len).collect();
        let mut ranks = vec![0_usize; left.len()];
        let mut open: Vec<usize> = (0..left.len()).filter(|node| self.is_source(*node)).collect();
        while let Some(node) = open.pop() {
            let rank = at(&ranks, node).saturating_add(1);
            for to in self.next(node) {
                let known = at(&ranks, *to);
                set(&mut ranks, *to, known.max(rank));
                let rest = at(&left, *to).saturating_sub(1);
                set(&mut left, *to, rest);
                if rest == 0 {
                    open.push(*to);
                }
            }
        }
        for node in (0..left.len()).filter(|node| self.is_source(*node)) {
            if let Some(first) = self.next(node).iter().map(|to| at(&ranks, *to)).min() {
                set(&mut ranks, node, first.saturating_sub(1));
            }
        }
        ranks
    }

    /// Fills layer after layer, lowest of `longest` first, until `room` is used up; what does not fit waits for the next.
    fn within(&self, widths: &[f64], longest: &[usize], room: f64) -> Vec<usize> {
        let count = widths.len();
        let mut left: Vec<usize> = self.before.iter().map(Vec::len).collect();
        let mut unfinished: Vec<usize> = self.next.iter().map(Vec::len).collect();
        // A source waits until all else that flows into its first reader stands.
        let mut else_left: Vec<usize> =
            self.before.iter().map(|before| before.iter().filter(|node| !self.is_source(**node)).count()).collect();
        let mut waiting: Vec<Vec<usize>> = vec![Vec::new(); count];
        let mut ready: BTreeSet<(usize, usize)> = BTreeSet::new();
        for node in (0..count).filter(|node| self.is_source(*node)) {
            match self.next(node).iter().copied().min_by_key(|to| (at(longest, *to), *to)) {
                Some(first) if at(&else_left, first) > 0 => {
                    waiting.get_mut(first).into_iter().for_each(|waiting| waiting.push(node));
                }
                _ => drop(ready.insert((at(longest, node), node))),
            }
        }
        let mut ranks = vec![0_usize; count];
        let (mut layer, mut lanes) = (0_usize, 0_usize);
        while !ready.is_empty() {
            let (mut used, mut first) = (lanes as f64 * LANE, true);
            let mut later = Vec::new();
            while let Some((rank, node)) = ready.pop_first() {
                let width = at(widths, node) + 2.0 * LANE;
                if !first && used + width > room {
                    ready.insert((rank, node));
                    break;
                }
                (used, first) = (used + width, false);
                set(&mut ranks, node, layer);
                lanes = lanes.saturating_add(usize::from(!self.next(node).is_empty()));
                for from in self.before.get(node).into_iter().flatten() {
                    let rest = at(&unfinished, *from).saturating_sub(1);
                    set(&mut unfinished, *from, rest);
                    lanes = lanes.saturating_sub(usize::from(rest == 0));
                }
                for to in self.next(node) {
                    let rest = at(&left, *to).saturating_sub(1);
                    set(&mut left, *to, rest);
                    if rest == 0 {
                        later.push((at(longest, *to), *to));
                    }
                    if !self.is_source(node) {
                        let rest = at(&else_left, *to).saturating_sub(1);
                        set(&mut else_left, *to, rest);
                        if rest == 0 {
                            let released = waiting.get_mut(*to).map(std::mem::take).unwrap_or_default();
                            ready.extend(released.into_iter().map(|source| (at(longest, source), source)));
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
pub(super) fn at<T: Copy + Default>(values: &[T], place: usize) -> T {
    values.get(place).copied().unwrap_or_default()
}

pub(super) fn set<T>(values: &mut [T], place: usize, value: T) {
    if let Some(known) = values.get_mut(place) {
        *known = value;
    }
}
