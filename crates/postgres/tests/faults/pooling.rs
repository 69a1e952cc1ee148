//! Behind a pooler that shares sessions between transactions.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use haltpoint_engine::store::handle::StoreHandle;
use haltpoint_engine::store::{Committed, Erasure, PruneFilter, RunStatus, WritableStore};
use haltpoint_postgres::{Listen, PostgresOptions, open, open_noting};

use crate::runs::{askers, cancel, create, step};
use crate::server::{Database, server};
use crate::sql::Beside;

/// A pooler with fewer sessions than it has clients.
struct Pooler {
    process: Child,
    port: u16,
}

impl Pooler {
    /// `None`, with a reason on the screen, where there is none.
    fn start() -> Option<Self> {
        let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"]
            .into_iter()
            .find(|path| Path::new(path).exists());
        let Some(program) = program else {
            eprintln!("skipped: there is no pgbouncer on this machine");
            return None;
        };
        let folder = server()?.socket();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        fs::write(format!("{folder}/users.txt"), "\"postgres\" \"\"\n").unwrap();
        let settings = format!(
            "[databases]\n* = host={folder} pool_size=2\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = trust\nauth_file = {folder}/users.txt\npool_mode = transaction\n"
        );
        fs::write(format!("{folder}/pgbouncer.ini"), settings).unwrap();
        let mut command = Command::new(program);
        command
            .arg(format!("{folder}/pgbouncer.ini"))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        server()?.as_its_user(&mut command);
        let process = command.spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "the pooler does not listen");
        }
        Some(Self { process, port })
    }

    fn url(&self, database: &Database) -> String {
        format!(
            "postgresql://postgres@127.0.0.1:{}/{}?sslmode=disable",
            self.port,
            database.name()
        )
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn pooled(url: &str, listen: Listen) -> StoreHandle {
    let options = PostgresOptions {
        is_pooled: true,
        listen,
        ..PostgresOptions::default()
    };
    open(url, options).unwrap()
}

/// A role has time-outs of its own in each database.
fn set_time_outs(database: &Database) {
    let name = database.name();
    for setting in ["statement_timeout = '8s'", "lock_timeout = '5s'"] {
        Beside::new(&database.url()).run(&format!("ALTER ROLE postgres IN DATABASE {name} SET {setting}"));
    }
}

#[test]
fn a_role_without_time_outs_is_refused() {
    let Some(database) = Database::new() else { return };
    let Some(pooler) = Pooler::start() else { return };
    let options = || PostgresOptions {
        is_pooled: true,
        listen: Listen::Never,
        ..PostgresOptions::default()
    };
    let refused = open(&pooler.url(&database), options())
        .map(drop)
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("no statement_timeout and no lock_timeout"),
        "{refused}"
    );
    drop(pooler);
    set_time_outs(&database);
    let Some(pooler) = Pooler::start() else { return };
    open(&pooler.url(&database), options()).unwrap().close();
}

#[test]
fn a_server_says_whether_it_waits_for_its_disk() {
    let Some(database) = Database::new() else { return };
    let is_relaxed = || {
        let (handle, is_relaxed) = open_noting(&database.url(), PostgresOptions::default()).unwrap();
        handle.close();
        is_relaxed
    };
    assert!(!is_relaxed());
    let name = database.name();
    Beside::new(&database.url()).run(&format!("ALTER DATABASE {name} SET synchronous_commit = off"));
    assert!(is_relaxed());
}

#[test]
fn all_of_it_works_with_fewer_sessions_than_processes() {
    let Some(database) = Database::new() else { return };
    set_time_outs(&database);
    let Some(pooler) = Pooler::start() else { return };
    let url = pooler.url(&database);
    std::thread::scope(|scope| {
        for number in 0..5 {
            let (url, direct) = (&url, database.url());
            scope.spawn(move || {
                let listen = if number % 2 == 0 {
                    Listen::Never
                } else {
                    Listen::At(direct)
                };
                let (handle, run_id) = (pooled(url, listen), format!("r{number}"));
                create(&handle, &run_id).unwrap();
                for place in 1..=20 {
                    let outcome = handle.execute(step(&handle, &run_id, 1, place));
                    assert!(matches!(outcome, Ok(Committed::Appended { .. })), "{outcome:?}");
                    handle.execute(cancel(&handle, &run_id, &format!("{place}"))).unwrap();
                }
                assert_eq!(askers(&handle, &run_id).len(), 20);
                handle.close();
            });
        }
    });
    let handle = pooled(&url, Listen::Here);
    assert_eq!(
        handle.read_blocking(|store| store.check()).unwrap(),
        Vec::<String>::new()
    );
    assert_eq!(
        handle
            .read_blocking(|store| Ok(store.raw("r0")?.entries.len()))
            .unwrap(),
        41
    );
    let at = handle.now();
    let (sender, receiver) = std::sync::mpsc::channel();
    handle.maintain(Box::new(move |store| {
        sender.send(maintained(store.unwrap(), at)).unwrap()
    }));
    assert_eq!(receiver.recv().unwrap(), (true, 0));
    handle.close();
}

/// Whether a run is refused to be erased that can be continued, and how many runs are over.
fn maintained(store: &mut dyn WritableStore, at: haltpoint_engine::Timestamp) -> (bool, u64) {
    let erasure = Erasure {
        run_id: "r0".into(),
        by: None,
        reason: None,
        at,
    };
    let filter = PruneFilter {
        statuses: vec![RunStatus::Completed],
        before: at,
        after: 0,
        is_dry: false,
        patience: Duration::from_secs(5),
    };
    (store.erase(&erasure).is_err(), store.prune(&filter).unwrap().runs)
}
