//! A PostgreSQL server for the tests: made once for each process, in a temporary folder, and gone with it.

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// Where Debian and others keep the server's programs.
const PLACES: [&str; 8] = [
    "/usr/lib/postgresql/18/bin",
    "/usr/lib/postgresql/17/bin",
    "/usr/lib/postgresql/16/bin",
    "/usr/lib/postgresql/15/bin",
    "/usr/lib/postgresql/14/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/bin",
    "/usr/local/bin",
];

/// A server that listens on a socket in its folder.
pub(crate) struct Server {
    folder: PathBuf,
    programs: PathBuf,
    /// Whom it runs as, where that is not who runs the tests: it refuses to run as root.
    user: Option<(u32, u32)>,
}

static SERVER: OnceLock<Option<Server>> = OnceLock::new();

/// The databases are used one after the other: the change feed of one shows that something was committed in another, and some tests take
/// that for their own doing.
static TURN: Mutex<()> = Mutex::new(());

thread_local! {
    /// The turn of this thread, while it has one: a test may use several databases at once.
    static OWN_TURN: RefCell<Weak<MutexGuard<'static, ()>>> = const { RefCell::new(Weak::new()) };
}

/// An empty database.
pub(crate) struct Database {
    name: String,
    _turn: Rc<MutexGuard<'static, ()>>,
}

fn turn() -> Rc<MutexGuard<'static, ()>> {
    OWN_TURN.with_borrow_mut(|own| {
        own.upgrade().unwrap_or_else(|| {
            let taken = Rc::new(TURN.lock().unwrap_or_else(PoisonError::into_inner));
            *own = Rc::downgrade(&taken);
            taken
        })
    })
}

impl Database {
    /// `None`, with a reason on the screen, where there is no PostgreSQL.
    pub(crate) fn new() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let turn = turn();
        let server = server()?;
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        server.run(
            "createdb",
            &["--host", &server.socket(), "--username", "postgres", &name],
        );
        Some(Self { name, _turn: turn })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn socket_file(&self) -> PathBuf {
        server().unwrap().folder.join(".s.PGSQL.5432")
    }

    pub(crate) fn url(&self) -> String {
        let socket = server().unwrap().socket().replace('/', "%2F");
        format!("postgresql://postgres@{socket}/{}", self.name)
    }
}

pub(crate) fn server() -> Option<&'static Server> {
    let server = SERVER.get_or_init(Server::start);
    server.as_ref()
}

impl Server {
    fn start() -> Option<Self> {
        let Some(programs) = PLACES.iter().map(Path::new).find(|place| place.join("initdb").exists()) else {
            eprintln!("skipped: there is no PostgreSQL server on this machine");
            return None;
        };
        let folder = std::env::temp_dir().join(format!("haltpoint-postgres-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let user = is_root().then(|| user_id("postgres").or_else(|| user_id("nobody")).unwrap());
        if let Some((user, group)) = user {
            chown(&folder, Some(user), Some(group)).unwrap();
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let server = Self {
            folder,
            programs: programs.to_owned(),
            user,
        };
        let data = server.folder.join("data").display().to_string();
        server.run(
            "initdb",
            &[
                "--pgdata",
                &data,
                "--username",
                "postgres",
                "--auth",
                "trust",
                "--encoding",
                "UTF8",
                "--no-sync",
                "--locale",
                "C",
            ],
        );
        let settings = format!(
            "listen_addresses = ''\nunix_socket_directories = '{}'\nfsync = off\nautovacuum = off\nmax_connections = 200\n",
            server.socket()
        );
        let path = server.folder.join("data/postgresql.auto.conf");
        fs::write(path, settings).unwrap();
        let log = server.folder.join("log").display().to_string();
        server.run("pg_ctl", &["--pgdata", &data, "--log", &log, "--wait", "start"]);
        server.end_with_this_process(&data);
        Some(server)
    }

    /// A test process has no place to end things in: a shell outlives it, and stops the server.
    fn end_with_this_process(&self, data: &str) {
        let (programs, folder) = (self.programs.display(), self.folder.display());
        let script = format!(
            "cat >/dev/null; {programs}/pg_ctl --pgdata {data} --mode immediate stop >/dev/null 2>&1; rm -rf {folder}"
        );
        let mut command = Command::new("sh");
        command
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.as_its_user(&mut command);
        let child = command.spawn().unwrap();
        // Its input ends with this process.
        std::mem::forget(child);
    }

    /// As if the power had gone, and come back.
    pub(crate) fn restart(&self) {
        let (data, log) = (
            self.folder.join("data").display().to_string(),
            self.folder.join("log").display().to_string(),
        );
        self.run("pg_ctl", &["--pgdata", &data, "--mode", "immediate", "--wait", "stop"]);
        self.run("pg_ctl", &["--pgdata", &data, "--log", &log, "--wait", "start"]);
    }

    pub(crate) fn socket(&self) -> String {
        self.folder.display().to_string()
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = Command::new(self.programs.join(program));
        command
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        self.as_its_user(&mut command);
        let status = command.status().unwrap();
        assert!(status.success(), "{program} {arguments:?} failed");
    }

    pub(crate) fn as_its_user(&self, command: &mut Command) {
        if let Some((user, group)) = self.user {
            use std::os::unix::process::CommandExt;
            command.uid(user).gid(group);
        }
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout == b"0\n"
}

fn user_id(name: &str) -> Option<(u32, u32)> {
    let line = fs::read_to_string("/etc/passwd").unwrap();
    let line = line
        .lines()
        .find(|line| line.starts_with(&format!("{name}:")))?
        .to_owned();
    let mut fields = line.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}
