//! The first page of the database file as it lies on disk, and what may become of it while the file is in use: only what is in the log gets
//! there.

use std::fs::Metadata;
use std::thread;
use std::time::{Duration, SystemTime};

use rusqlite::Connection;

use super::kept_file::KeptFile;

const MAGIC: &[u8] = b"SQLite format 3\0";
const LENGTH: usize = 100;

/// How often a file that does not fit together is looked at: another process may just be writing the log's pages into it, of which the
/// first page is written first and the last one last ...
const LOOKS: u32 = 20;

/// ... and how long there is between two looks.
const PAUSE: Duration = Duration::from_millis(5);

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
    /// The size of a page, in bytes.
    page_size: u32,
    /// Changes with the tables, and whenever the file is to become smaller.
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
        let page_size = match u16::from_be_bytes([bytes[16], bytes[17]]) {
            1 => 1 << 16,
            size => u32::from(size),
        };
        Some(Self {
            change_counter: number(24),
            pages: number(28),
            page_size,
            schema_cookie: number(40),
        })
    }

    /// How many bytes the pages take that the header counts.
    fn length(&self) -> u64 {
        u64::from(self.pages) * u64::from(self.page_size)
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

    /// Another process that has the database open, by its number: 0 where that cannot be seen from here.
    pub(super) fn other_user(&self) -> Option<i32> {
        self.file.other_user()
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
        (0..LOOKS).any(|look| {
            if look > 0 {
                thread::sleep(PAUSE);
            }
            self.look_anew(before, connection)
        })
    }

    fn look_anew(&mut self, before: Header, connection: &Connection) -> bool {
        let (found, metadata) = (Header::read(&self.file), self.file.metadata());
        let Some((found, metadata)) = found.zip(metadata) else {
            return false;
        };
        let is_ours = follows(found, before, metadata.len(), self.length, connection);
        if is_ours {
            (self.length, self.modified, self.header) = (metadata.len(), metadata.modified().ok(), Some(found));
        }
        is_ours
    }
}

/// Whether writing the log's pages into the file can have led from one header to the other. Whatever lets it have fewer pages changes the
/// schema cookie, too. The file itself is cut off later, behind the last page that its header counts.
fn follows(found: Header, before: Header, length: u64, length_before: u64, connection: &Connection) -> bool {
    let goes_on = found.change_counter >= before.change_counter && found.schema_cookie >= before.schema_cookie;
    let is_shrunk = found.schema_cookie > before.schema_cookie;
    let has_fewer_pages = found.pages < before.pages;
    let lacks_pages = length < length_before && length < found.length();
    goes_on
        && (is_shrunk || !has_fewer_pages && !lacks_pages)
        && (!is_shrunk || is_known(found.schema_cookie, connection))
}

/// Whether the tables were changed by what is committed, and not by somebody who wrote another file over this one.
fn is_known(schema_cookie: u32, connection: &Connection) -> bool {
    let current = connection.query_row("PRAGMA schema_version", [], |row| row.get::<_, i64>(0));
    current.is_ok_and(|current| i64::from(schema_cookie) <= current)
}
