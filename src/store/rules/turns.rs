//! Whose runs come first.

/// At most `limit` of what there is of each agent, one of each in turn: many runs of one agent do not delay another's.
pub fn in_turns<T>(of_agents: Vec<Vec<T>>, limit: usize) -> Vec<T> {
    let mut rests: Vec<_> = of_agents.into_iter().map(Vec::into_iter).collect();
    let mut found = Vec::new();
    while found.len() < limit {
        let before = found.len();
        found.extend(rests.iter_mut().filter_map(Iterator::next).take(limit - before));
        if found.len() == before {
            break;
        }
    }
    found
}
