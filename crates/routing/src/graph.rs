//! The steps of a plan as a graph: what is reached, and what leads round.

use std::collections::{BTreeMap, BTreeSet};

use ringfence_model::{PlanDocument, Step};

/// Which step leads where, unknown ones left out.
pub(crate) struct Graph<'a> {
    plan: &'a PlanDocument,
    ways: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> Graph<'a> {
    pub(crate) fn of(plan: &'a PlanDocument) -> Self {
        let ways = plan.steps.iter().map(|(name, step)| {
            let to = step
                .leads_to()
                .into_iter()
                .map(|(_, to)| to)
                .filter(|to| plan.steps.contains_key(*to))
                .collect();
            (name.as_str(), to)
        });
        Self {
            plan,
            ways: ways.collect(),
        }
    }

    pub(crate) fn reached(&self) -> BTreeSet<&'a str> {
        let mut reached = BTreeSet::new();
        let mut left = vec![self.plan.start.as_str()];
        while let Some(name) = left.pop() {
            if self.ways.contains_key(name) && reached.insert(name) {
                left.extend(&self.ways[name]);
            }
        }
        reached
    }

    /// Rounds among the steps that `within` takes: one for each way that comes back to a step on the way to it. Each round
    /// of the graph shares a way with one of them, and none is told that is not there.
    pub(crate) fn rounds(&self, within: impl Fn(&Step) -> bool) -> Vec<Vec<String>> {
        let taken = |name: &str| self.plan.steps.get(name).is_some_and(&within);
        let mut rounds = Vec::new();
        let mut done: BTreeSet<&str> = BTreeSet::new();
        let starts = std::iter::once(self.plan.start.as_str()).chain(self.ways.keys().copied());
        for start in starts.filter(|name| taken(name)) {
            // The way to where the search is, each step with how many of its ways were looked at.
            let mut way: Vec<(&str, usize)> = Vec::new();
            if !done.contains(start) {
                way.push((start, 0));
            }
            while let Some((name, looked)) = way.last_mut() {
                let Some(next) = self.ways[*name].get(*looked).copied() else {
                    done.insert(*name);
                    way.pop();
                    continue;
                };
                *looked += 1;
                if !taken(next) || done.contains(next) {
                    continue;
                }
                match way.iter().position(|(name, _)| *name == next) {
                    Some(position) => {
                        let mut path: Vec<String> = way[position..]
                            .iter()
                            .map(|(name, _)| (*name).to_owned())
                            .collect();
                        path.push(next.to_owned());
                        if !rounds.contains(&path) {
                            rounds.push(path);
                        }
                    }
                    None => way.push((next, 0)),
                }
            }
        }
        rounds
    }
}
