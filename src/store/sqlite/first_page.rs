//! The first page of the database file as it lies on disk, and what may become of it while the file is in use: only what is in the log gets
//! there.

use std::fs::Metadata;
use std::time::SystemTime;

use rusqlite::Connection;

use super::kept_file::KeptFile;

const MAGIC: &[u8] = b"SQLite format 3\0";
const LENGTH: usize = 100;

/// The database file, and what was last seen of it.
#[derive(Debug)]
pub(super) struct FirstPage {
    file: KeptFile,
    length: u64,
    modified: Option<SystemTime>,
    header: Option<Header>,
}

/// What the first page says about the file.
#[derive(Clone, Copy, Debug)]
struct Header {
    /// Never goes back.
    change_counter: u32,
    pages: u32,
    /// Changes with the tables, and when the file is compacted.
    schema_cookie: u32,
}

impl Header {
    fn read(file: &KeptFile) -> Option<Self> {
        let bytes = file.read::<LENGTH>(0).filter(|bytes| bytes.starts_with(MAGIC))?;
        let number = |place: usize| {
            let mut four = [0; 4];
            four.copy_from_slice(&bytes[place..place + 4]);
            u32::from_be_bytes(four)
        };
        Some(Self {
            change_counter: number(24),
            pages: number(28),
            schema_cookie: number(40),
        })
    }
}

impl FirstPage {
    pub(super) fn new(file: KeptFile, metadata: &Metadata) -> Self {
        let (length, modified) = (metadata.len(), metadata.modified().ok());
        let header = Header::read(&file);
        Self {
            file,
            length,
            modified,
            header,
        }
    }

    /// Whether the file is as it was, or became what the log says.
    pub(super) fn is_ours(&mut self, metadata: &Metadata, connection: &Connection) -> bool {
        let (length, modified) = (metadata.len(), metadata.modified().ok());
        let Some(before) = self
            .header
            .filter(|_| (length, modified) != (self.length, self.modified))
        else {
            return true;
        };
        let found = Header::read(&self.file).filter(|found| follows(*found, before, length, self.length, connection));
        if found.is_some() {
            (self.length, self.modified, self.header) = (length, modified, found);
        }
        found.is_some()
    }
}

/// Whether writing the log's pages into the file can have led from one header to the other. It shrinks only when it is compacted.
fn follows(found: Header, before: Header, length: u64, length_before: u64, connection: &Connection) -> bool {
    let goes_on = found.change_counter >= before.change_counter && found.schema_cookie >= before.schema_cookie;
    let is_smaller = length < length_before || found.pages < before.pages;
    let is_compacted = found.schema_cookie > before.schema_cookie;
    goes_on && (!is_smaller || is_compacted) && (!is_compacted || is_known(found.schema_cookie, connection))
}

/// Whether the tables were changed by what is committed, and not by somebody who wrote another file over this one.
fn is_known(schema_cookie: u32, connection: &Connection) -> bool {
    let current = connection.query_row("PRAGMA schema_version", [], |row| row.get::<_, i64>(0));
    current.is_ok_and(|current| i64::from(schema_cookie) <= current)
}
