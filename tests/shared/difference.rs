//! Where two values differ first, in one line: what a person wants to see of a random test that failed, instead of both values.

use std::fmt::Debug;

/// The path to the first difference and what stands there in each; `None` where both look the same.
pub(crate) fn first_difference(left: &impl Debug, right: &impl Debug) -> Option<String> {
    let (left, right) = (lines_of(left), lines_of(right));
    let same = left
        .iter()
        .zip(&right)
        .take_while(|(left, right)| left == right)
        .count();
    if left.len() == same && right.len() == same {
        return None;
    }
    let shown = |lines: &[String]| lines.get(same).map_or("nothing", |line| line.trim()).to_owned();
    // Where a list ends in one of them, the path is that of the other one's next item.
    let level = |lines: &Vec<String>| lines.get(same).map(|line| indent(line));
    let deeper = if level(&left) >= level(&right) { &left } else { &right };
    Some(format!(
        "{}: {} / {}",
        path(&deeper[..=same]),
        shown(&left),
        shown(&right)
    ))
}

/// The lines of the value as it is printed for people. What a map holds is put in order: two equal ones may print it in any.
fn lines_of(value: &impl Debug) -> Vec<String> {
    let mut lines: Vec<String> = format!("{value:#?}").lines().map(str::to_owned).collect();
    for start in 0..lines.len() {
        if lines[start].ends_with(": {") {
            let level = indent(&lines[start]);
            let inside = |line: &&String| indent(line) > level;
            let length = lines[start + 1..].iter().take_while(inside).count();
            let held = &mut lines[start + 1..=start + length];
            if held.iter().all(|line| indent(line) == level + 4) {
                held.sort();
            }
        }
    }
    lines
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// What the last line stands in, from the outside inwards: names of fields, and places in lists.
fn path(lines: &[String]) -> String {
    let mut names = Vec::new();
    let mut level = usize::MAX;
    let mut siblings = 0;
    for line in lines.iter().rev() {
        let found = indent(line);
        let begins = !line.trim_start().starts_with(['}', ']', ')']);
        if found < level {
            if line.ends_with('[') && level != usize::MAX {
                names.push(format!("[{}]", siblings - 1));
            }
            names.extend(name_of(line));
            (level, siblings) = (found, 0);
        }
        siblings += usize::from(found == level && begins);
    }
    names.reverse();
    names.join(".").replace(".[", "[")
}

fn name_of(line: &str) -> Option<String> {
    let (name, _) = line.trim_start().split_once(": ")?;
    let is_name = name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
    is_name.then(|| name.to_owned())
}
