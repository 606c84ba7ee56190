//! A call plan drawn as a flow, left to right: where each step stands, and the lines between them.
//!
//! Every step is one column after the last of those that lead to it, ways back left out. Lines to the next column go
//! straight there; all others go round below, each in a lane of its own, so that none runs through a step.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use ringfence_model::{PlanDocument, Step};

const WIDTH: u32 = 184;
const COLUMN: u32 = 272;
const HEAD: u32 = 50;
const EXIT: u32 = 20;
const MARGIN: u32 = 28;
const LANE: u32 = 10;
/// Characters of a text in a box; the whole is its title.
const LONGEST: usize = 22;

/// One way out of a step.
pub(super) struct Exit {
    pub(super) y: u32,
    pub(super) label: String,
}

/// One step.
pub(super) struct Node {
    pub(super) anchor: usize,
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) height: u32,
    pub(super) name: String,
    pub(super) note: String,
    /// What is read out.
    pub(super) title: String,
    pub(super) class: String,
    /// When a call that is tried comes by, from 1; none else.
    pub(super) turn: Option<usize>,
    pub(super) exits: Vec<Exit>,
}

/// A line.
pub(super) struct Edge {
    pub(super) path: String,
    pub(super) class: &'static str,
}

/// The drawing.
pub(super) struct Flow {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<Edge>,
}

impl Flow {
    /// Draws a plan. `wrong` are steps with a mistake, `walked` those that a call takes that is tried, in order.
    pub(super) fn of(document: &PlanDocument, wrong: &BTreeSet<&str>, walked: &[String]) -> Self {
        let order = order(document);
        let columns = columns(document, &order);
        let mut next_y: BTreeMap<u32, u32> = BTreeMap::new();
        let mut places: BTreeMap<&str, (u32, u32, u32)> = BTreeMap::new();
        let mut nodes = Vec::new();
        for (anchor, &name) in order.iter().enumerate() {
            let step = &document.steps[name];
            let column = columns[name];
            let exits = exits(step);
            let count = u32::try_from(exits.len()).unwrap_or(u32::MAX);
            let height = HEAD + count * EXIT + if count > 0 { 6 } else { 0 };
            let y = next_y.entry(column).or_insert(MARGIN);
            let (x, top) = (MARGIN + column * COLUMN, *y);
            *y += height + 24;
            places.insert(name, (x, top, column));
            let turn = walked.iter().position(|walked| walked == name);
            nodes.push(Node {
                anchor,
                x,
                y: top,
                height,
                name: short(name),
                note: step.kind().to_owned(),
                title: title(name, step, wrong.contains(name), turn),
                class: [
                    ("wrong", wrong.contains(name)),
                    ("walked", turn.is_some()),
                    ("first", document.start == name),
                ]
                .iter()
                .filter(|(_, is)| *is)
                .map(|(class, _)| *class)
                .collect::<Vec<_>>()
                .join(" "),
                turn: turn.map(|turn| turn + 1),
                exits: exits
                    .iter()
                    .zip(0..)
                    .map(|((label, _), nth)| Exit {
                        y: top + HEAD + nth * EXIT + 10,
                        label: short(label),
                    })
                    .collect(),
            });
        }
        let bottom = next_y.values().copied().max().unwrap_or(MARGIN);
        let (edges, lanes) = edges(document, &order, &places, walked, bottom);
        let last = columns.values().copied().max().unwrap_or(0);
        Self {
            width: MARGIN * 2 + last * COLUMN + WIDTH + 24,
            height: bottom + lanes * LANE + MARGIN,
            nodes,
            edges,
        }
    }
}

/// The ways out of a step as the drawing tells them, each with the step that it leads to.
pub(super) fn exits(step: &Step) -> Vec<(String, Option<String>)> {
    let mut exits: Vec<(String, Option<String>)> = step
        .leads_to()
        .into_iter()
        .map(|(place, to)| (place.replace('"', ""), Some(to.to_owned())))
        .collect();
    let may_end = match step {
        Step::Menu(menu) => menu.otherwise.is_none(),
        Step::Ring(ring) => ring.otherwise.is_none(),
        Step::Queue(queue) => queue.otherwise.is_none(),
        Step::Forward(forward) => forward.otherwise.is_none(),
        Step::Say(say) => say.next.is_none(),
        _ => false,
    };
    if may_end {
        exits.push(("otherwise: the end".into(), None));
    }
    exits
}

/// Steps in the order in which a call may meet them; those that none comes to at the end.
pub(super) fn order(document: &PlanDocument) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    let mut order = Vec::new();
    let roots = std::iter::once(document.start.as_str());
    for root in roots.chain(document.steps.keys().map(String::as_str)) {
        let mut found = Vec::new();
        visit(document, root, &mut seen, &mut found);
        found.reverse();
        order.extend(found);
    }
    order
}

/// Adds what comes after a step, then the step: read backwards, a step stands before all that it leads to.
fn visit<'a>(
    document: &'a PlanDocument,
    root: &'a str,
    seen: &mut BTreeSet<&'a str>,
    found: &mut Vec<&'a str>,
) {
    let mut way: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut enter = |name: &'a str, way: &mut Vec<(&'a str, Vec<&'a str>)>| {
        if let Some((name, step)) = document.steps.get_key_value(name)
            && seen.insert(name)
        {
            let next = step.leads_to().into_iter().map(|(_, to)| to);
            // What is looked at last stands first.
            way.push((name, next.collect()));
        }
    };
    enter(root, &mut way);
    while let Some((name, left)) = way.last_mut() {
        let name = *name;
        if let Some(next) = left.pop() {
            enter(next, &mut way);
        } else {
            found.push(name);
            way.pop();
        }
    }
}

fn columns<'a>(document: &'a PlanDocument, order: &[&'a str]) -> BTreeMap<&'a str, u32> {
    let place: BTreeMap<&str, usize> = order
        .iter()
        .zip(0..)
        .map(|(name, at)| (*name, at))
        .collect();
    let mut columns: BTreeMap<&str, u32> = order.iter().map(|name| (*name, 0)).collect();
    for (at, name) in order.iter().enumerate() {
        let column = columns[name];
        for (_, to) in document.steps[*name].leads_to() {
            // A step that stands before this one is a way back.
            if place.get(to).is_some_and(|&to| to > at)
                && let Some(known) = columns.get_mut(to)
            {
                *known = (*known).max(column + 1);
            }
        }
    }
    columns
}

fn edges(
    document: &PlanDocument,
    order: &[&str],
    places: &BTreeMap<&str, (u32, u32, u32)>,
    walked: &[String],
    bottom: u32,
) -> (Vec<Edge>, u32) {
    let mut edges = Vec::new();
    let mut lanes = 0;
    for &name in order {
        let (x, y, column) = places[name];
        let exits = exits(&document.steps[name]);
        for ((_, to), nth) in exits.iter().zip(0..) {
            let Some(&(to_x, to_y, to_column)) = to.as_deref().and_then(|to| places.get(to)) else {
                continue;
            };
            let (from_x, from_y) = (x + WIDTH, y + HEAD + nth * EXIT + 10);
            let to_y = to_y + 22;
            let mut path = format!("M{from_x} {from_y}");
            if to_column == column + 1 {
                let middle = u32::midpoint(from_x, to_x);
                let _ = write!(path, "C{middle} {from_y} {middle} {to_y} {to_x} {to_y}");
            } else {
                let out = from_x + 12 + lanes % 4 * 6;
                let into = to_x.saturating_sub(12 + lanes % 3 * 5);
                let below = bottom + lanes * LANE;
                let _ = write!(path, "H{out}V{below}H{into}V{to_y}H{to_x}");
                lanes += 1;
            }
            let _ = write!(path, "m-6-4l6 4l-6 4");
            let is_walked = walked
                .windows(2)
                .any(|pair| pair[0] == name && Some(&pair[1]) == to.as_ref());
            edges.push(Edge {
                path,
                class: if is_walked { "walked" } else { "" },
            });
        }
    }
    // What is walked lies above the rest.
    edges.sort_by_key(|edge| edge.class);
    (edges, lanes)
}

fn title(name: &str, step: &Step, is_wrong: bool, turn: Option<usize>) -> String {
    let mut title = format!("{name}, {}", step.kind());
    for (place, to) in exits(step) {
        let _ = match to {
            Some(to) => write!(title, "; {place} leads to {to}"),
            None => write!(title, "; {place}"),
        };
    }
    if is_wrong {
        title.push_str("; something is wrong here");
    }
    if let Some(turn) = turn {
        let _ = write!(title, "; step {} of the call that is tried", turn + 1);
    }
    title
}

fn short(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let cut: String = text.chars().take(LONGEST - 1).collect();
    format!("{cut}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> PlanDocument {
        let goto = |step: &str| Step::Goto { step: step.into() };
        let menu = |keys: &[(&str, &str)]| {
            Step::Menu(ringfence_model::MenuStep {
                prompt: "p".into(),
                tries: 3,
                timeout: 5,
                otherwise: None,
                keys: keys
                    .iter()
                    .map(|(key, to)| ((*key).to_owned(), (*to).to_owned()))
                    .collect(),
            })
        };
        PlanDocument {
            start: "menu".into(),
            steps: [
                ("menu".to_owned(), menu(&[("1", "a"), ("2", "end")])),
                (
                    "a".to_owned(),
                    menu(&[("1", "menu"), ("2", "end"), ("3", "nowhere")]),
                ),
                ("end".to_owned(), Step::Reject { code: 480 }),
                ("alone".to_owned(), goto("end")),
            ]
            .into(),
        }
    }

    #[test]
    fn a_step_stands_behind_all_that_lead_to_it() {
        let plan = plan();
        let order = order(&plan);
        assert_eq!(order, ["menu", "a", "end", "alone"]);
        let columns = columns(&plan, &order);
        assert_eq!(
            ["menu", "a", "end", "alone"].map(|name| columns[name]),
            [0, 1, 2, 0]
        );
    }

    #[test]
    fn what_is_wrong_and_what_is_walked_is_marked() {
        let plan = plan();
        let walked = ["menu".to_owned(), "a".to_owned()];
        let flow = Flow::of(&plan, &["a"].into(), &walked);
        assert_eq!(flow.nodes[0].class, "walked first");
        assert_eq!(flow.nodes[1].class, "wrong walked");
        assert_eq!((flow.nodes[1].turn, flow.nodes[2].turn), (Some(2), None));
        let lines = flow.edges.iter().filter(|edge| edge.class == "walked");
        assert_eq!(lines.count(), 1);
        // To `a`, past it to `end`, back to the menu, on to `end`, and from the step that none comes to.
        assert_eq!(flow.edges.len(), 5);
        for node in &flow.nodes {
            assert!(node.x + WIDTH < flow.width && node.y + node.height < flow.height);
        }
    }
}
