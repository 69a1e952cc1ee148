//! What the server does with the sessions of this role, where no session may say so for itself.

use haltpoint_engine::store::StoreError;
use haltpoint_engine::store::rules::unusable;

use crate::connection::{Connection, get};
use crate::fault::Failure;

/// The settings without which nothing ends a statement that hangs, or waits for a lock, after this side has given it up.
const TIME_OUTS: [&str; 2] = ["statement_timeout", "lock_timeout"];

/// Reads the settings back, and says whether the server acknowledges commits that a crash of it may lose.
///
/// # Errors
/// [`StoreError::Unusable`] behind a pooler whose role has no time-outs; or what the server ran into.
pub(crate) fn check(connection: &mut Connection) -> Result<bool, StoreError> {
    let (name, is_pooled) = (connection.how().name.clone(), connection.how().is_pooled);
    let found = settings(connection).map_err(|failure| failure.describe("open", &name))?;
    let value = |setting: &str| {
        found
            .iter()
            .find(|(name, _)| name == setting)
            .map(|(_, value)| value.as_str())
    };
    let missing: Vec<&str> = TIME_OUTS
        .into_iter()
        .filter(|setting| value(setting) == Some("0"))
        .collect();
    if is_pooled && !missing.is_empty() {
        return Err(unusable(format!(
            "the role has no {} in the database {name}, and behind a pooler no session can set its own: ALTER ROLE ... SET {} = '8s', \
             then let the pooler connect anew; see \"Behind a pooler\" in the documentation",
            missing.join(" and no "),
            missing[0]
        )));
    }
    Ok(value("synchronous_commit") == Some("off"))
}

fn settings(connection: &mut Connection) -> Result<Vec<(String, String)>, Failure> {
    let rows = connection.ask(
        "SELECT name, setting FROM pg_catalog.pg_settings \
         WHERE name IN ('statement_timeout', 'lock_timeout', 'synchronous_commit')",
        &[],
    )?;
    rows.iter().map(|row| Ok((get(row, 0)?, get(row, 1)?))).collect()
}
