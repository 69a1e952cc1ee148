//! The backend of haltpoint on PostgreSQL: the same promises as on SQLite, on any number of machines.
//!
//! An operation is carried out on a draft of its run, on this side. All drafts of a batch are then written by one statement, which changes
//! the runs that still are as they were read; the others are read anew and judged again. What is not known to be written, because the
//! connection ended before the answer came, is looked for by its hash before it is written again.
//!
//! Leases are judged by the server's clock. A process that cannot renew its leases stops by itself before anybody else can take them.

#![expect(
    clippy::disallowed_methods,
    reason = "a backend keeps time, waits for its server, and has threads"
)]

mod backend;
mod batch;
mod check;
mod clock;
mod connection;
mod draft;
mod dsn;
mod due;
mod erase;
mod fault;
mod import;
mod lease;
mod list;
mod options;
mod outbox;
mod prune;
mod raw;
mod read;
mod rows;
mod schema;
mod settings;
mod signals;
mod store;
mod text;
mod tls;
mod write;

use std::sync::Arc;
use std::time::Duration;

use haltpoint_engine::store::StoreError;
use haltpoint_engine::store::rules::unusable;

pub use backend::{open, open_backend, open_noting};
pub use dsn::{is_address, name_of};
pub use options::{Listen, PostgresOptions};
pub use schema::migration_sql;
pub use store::PostgresStore;

use connection::{Connecting, quoted};

/// How long an answer may take before a connection counts as lost, at most.
const LONGEST_ANSWER: Duration = Duration::from_secs(10);

/// The longest name that PostgreSQL has for a schema, with what the channel adds to it.
const LONGEST_SCHEMA: usize = 50;

/// Several answers may be late before a lease ends.
fn deadline(options: &PostgresOptions) -> Duration {
    (options.lease / 3).clamp(Duration::from_millis(200), LONGEST_ANSWER)
}

fn connecting(url: &str, options: &PostgresOptions) -> Result<Arc<Connecting>, StoreError> {
    if options.schema.is_empty() || options.schema.len() > LONGEST_SCHEMA || options.schema.contains(['\0', '@']) {
        return Err(unusable(format!(
            "the name of a schema must have between 1 and {LONGEST_SCHEMA} bytes, and no @ in it"
        )));
    }
    let address = dsn::Address::parse(url)?;
    let tls = match dsn::is_local(&address.config) {
        true => dsn::TlsFiles {
            check: dsn::Check::Nothing,
            ..address.tls
        },
        false => address.tls,
    };
    Ok(Arc::new(Connecting {
        tls: tls::connector(&tls)?,
        config: address.config,
        schema: quoted(&options.schema),
        schema_name: options.schema.clone(),
        is_pooled: options.is_pooled,
        name: address.name,
    }))
}

/// Makes the tables, or brings them to this release, and returns the version that there was before.
///
/// # Errors
/// [`StoreError::Unusable`] when the server cannot be reached, or the tables are of a newer release.
pub fn migrate(url: &str, options: &PostgresOptions) -> Result<usize, StoreError> {
    let how = connecting(url, options)?;
    let mut connection = connection::Connection::new(Arc::clone(&how), LONGEST_ANSWER);
    let before = schema::version(&mut connection).map_err(|failure| failure.describe("open", &how.name))?;
    schema::prepare(&mut connection, true)?;
    Ok(before)
}

/// The statements that bring the tables to this release, for whoever may not let a program change them; an empty text where there is
/// nothing to do.
///
/// # Errors
/// [`StoreError::Unusable`] when the server cannot be reached.
pub fn missing_sql(url: &str, options: &PostgresOptions) -> Result<String, StoreError> {
    let how = connecting(url, options)?;
    let mut connection = connection::Connection::new(Arc::clone(&how), LONGEST_ANSWER);
    let found = schema::version(&mut connection).map_err(|failure| failure.describe("open", &how.name))?;
    Ok(match found < schema::VERSION {
        true => schema::migration_sql(&options.schema, found),
        false => String::new(),
    })
}
