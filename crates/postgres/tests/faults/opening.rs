//! Opening: roles that may not make tables, newer schemas, many processes at once.

use haltpoint_engine::store::StoreError;
use haltpoint_postgres::{PostgresOptions, migrate, migration_sql, missing_sql, open};

use crate::runs::{create, opened};
use crate::server::Database;
use crate::sql::Beside;

fn refused(url: &str, options: PostgresOptions) -> String {
    match open(url, options) {
        Err(StoreError::Unusable { message } | StoreError::Unreachable { message }) => message,
        other => panic!("{other:?}"),
    }
}

fn without_migrating() -> PostgresOptions {
    PostgresOptions {
        migrate: false,
        ..PostgresOptions::default()
    }
}

#[test]
fn many_processes_that_open_an_empty_database_at_once_make_its_tables_once() {
    let Some(database) = Database::new() else { return };
    let url = database.url();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let url = &url;
            scope.spawn(move || create(&opened(url), &format!("r{number}")).unwrap());
        }
    });
    let ids = opened(&url).read_blocking(|store| store.run_ids(None, 99)).unwrap();
    assert_eq!(ids.len(), 8);
}

#[test]
fn who_may_not_make_tables_is_told_what_to_do_and_can_work_when_they_are_there() {
    let Some(database) = Database::new() else { return };
    let beside = Beside::new(&database.url());
    let message = refused(&database.url(), without_migrating());
    assert!(message.contains("haltpoint migrate"), "{message}");
    let role = format!("worker_{}", database.name());
    beside.run(&format!("CREATE ROLE {role} LOGIN"));
    let url = database.url().replace("postgres@", &format!("{role}@"));
    let message = refused(&url, PostgresOptions::default());
    assert!(message.contains("privilege"), "{message}");
    assert_eq!(migrate(&database.url(), &PostgresOptions::default()), Ok(0));
    assert_eq!(migrate(&database.url(), &PostgresOptions::default()), Ok(3));
    beside.run(&format!(
        "GRANT USAGE ON SCHEMA haltpoint TO {role}; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA haltpoint TO {role}"
    ));
    let handle = open(&url, without_migrating()).unwrap();
    create(&handle, "r").unwrap();
    handle.close();
}

#[test]
fn the_statements_that_are_printed_make_the_tables() {
    let Some(database) = Database::new() else { return };
    let options = PostgresOptions {
        schema: "My \"own\" schema".to_owned(),
        ..without_migrating()
    };
    let sql = missing_sql(&database.url(), &options).unwrap();
    assert_eq!(sql, migration_sql(&options.schema, 0));
    Beside::new(&database.url()).run(&sql);
    assert_eq!(missing_sql(&database.url(), &options).unwrap(), "");
    let handle = open(&database.url(), options).unwrap();
    create(&handle, "r").unwrap();
    handle.close();
}

#[test]
fn a_newer_schema_is_refused_and_left_as_it_is() {
    let Some(database) = Database::new() else { return };
    let beside = Beside::new(&database.url());
    opened(&database.url()).close();
    beside.run("UPDATE haltpoint.schema_version SET version = 99");
    for options in [PostgresOptions::default(), without_migrating()] {
        let message = refused(&database.url(), options);
        assert!(message.contains("upgrade haltpoint"), "{message}");
    }
    assert_eq!(beside.run("SELECT version FROM haltpoint.schema_version"), ["99"]);
}

#[test]
fn what_belongs_to_the_servers_own_tools_says_so() {
    let Some(database) = Database::new() else { return };
    let handle = opened(&database.url());
    let refused = handle.read_blocking(|store| store.backup("anywhere".as_ref()));
    assert!(refused.unwrap_err().to_string().contains("pg_dump"));
    handle.close();
}

#[test]
fn no_error_has_the_password() {
    let message = refused(
        "postgresql://ada:s3cret@127.0.0.1:1/db?connect_timeout=1",
        PostgresOptions::default(),
    );
    assert!(message.contains("cannot be reached"), "{message}");
    assert!(!message.contains("s3cret"), "{message}");
}
