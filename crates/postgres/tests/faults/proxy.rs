//! A proxy between a backend and its server that misbehaves when it is told to.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::server::Database;

/// What it does with bytes.
#[derive(Default)]
pub(crate) struct Faults {
    /// Answers go nowhere.
    pub(crate) swallows_answers: AtomicBool,
    /// The connection ends where the next answer would come.
    pub(crate) cuts_at_answer: AtomicBool,
    /// All connections are refused.
    pub(crate) refuses: AtomicBool,
}

pub(crate) struct Proxy {
    pub(crate) faults: Arc<Faults>,
    port: u16,
    name: String,
}

impl Proxy {
    pub(crate) fn new(database: &Database) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, faults) = (listener.local_addr().unwrap().port(), Arc::<Faults>::default());
        let (socket, serving) = (database.socket_file(), Arc::clone(&faults));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if serving.refuses.load(Ordering::SeqCst) {
                    continue;
                }
                let server = UnixStream::connect(&socket).unwrap();
                serve(client, server, &serving);
            }
        });
        let name = database.name().to_owned();
        Self { faults, port, name }
    }

    pub(crate) fn url(&self) -> String {
        format!(
            "postgresql://postgres@127.0.0.1:{}/{}?sslmode=disable",
            self.port, self.name
        )
    }
}

fn serve(client: TcpStream, server: UnixStream, faults: &Arc<Faults>) {
    let (mut asking, mut asked) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || {
        let mut bytes = [0; 65_536];
        while let Ok(length @ 1..) = asking.read(&mut bytes) {
            if asked.write_all(&bytes[..length]).is_err() {
                break;
            }
        }
        let _ = asked.shutdown(Shutdown::Both);
    });
    let (mut answering, mut answered, faults) = (server, client, Arc::clone(faults));
    thread::spawn(move || {
        let mut bytes = [0; 65_536];
        while let Ok(length @ 1..) = answering.read(&mut bytes) {
            if faults.swallows_answers.load(Ordering::SeqCst) {
                continue;
            }
            if faults.cuts_at_answer.swap(false, Ordering::SeqCst) || answered.write_all(&bytes[..length]).is_err() {
                break;
            }
        }
        let _ = answered.shutdown(Shutdown::Both);
    });
}
