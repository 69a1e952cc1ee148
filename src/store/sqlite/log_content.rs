//! The write-ahead log as it lies on disk, held against what SQLite has in shared memory about it.

use rusqlite::Connection;

use super::kept_file::KeptFile;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// What the log begins with, whichever byte order its checksums have.
const MAGIC: [[u8; 4]; 2] = [[0x37, 0x7f, 0x06, 0x82], [0x37, 0x7f, 0x06, 0x83]];

/// How often a log that does not fit together is looked at: another process may just be starting it over.
const LOOKS: u32 = 3;

/// The log, and what was last seen of it.
#[derive(Debug)]
pub(super) struct LogContent {
    file: KeptFile,
    length: u64,
    header: Option<[u8; HEADER]>,
}

impl LogContent {
    pub(super) fn new(file: KeptFile) -> Self {
        let (length, header) = (file.length().unwrap_or_default(), file.read(0));
        Self { file, length, header }
    }

    pub(super) fn current_length(&self) -> Option<u64> {
        self.file.length()
    }

    /// Whether nothing was cut off that SQLite counts on. To be asked before a commit, which would hide it.
    pub(super) fn is_long_enough(&mut self, length: u64, connection: &Connection) -> bool {
        let is_long_enough = length >= self.length || self.fits_together(connection);
        if is_long_enough {
            self.length = length;
        }
        is_long_enough
    }

    /// Whether the log begins as it did before, or as one that was started over since.
    pub(super) fn begins_well(&mut self, connection: &Connection) -> bool {
        let header = self.file.read(0);
        let begins_well = header == self.header || self.fits_together(connection);
        if begins_well {
            self.header = header;
        }
        begins_well
    }

    fn fits_together(&self, connection: &Connection) -> bool {
        (0..LOOKS).any(|_| self.holds_all_frames(connection))
    }

    /// Whether the last frame that SQLite counts on is there, and belongs to the header.
    fn holds_all_frames(&self, connection: &Connection) -> bool {
        // What cannot be asked now is found out by SQLite or with the next commit.
        let Ok((frames, page_size)) = frames(connection) else {
            return true;
        };
        if frames == 0 {
            return true;
        }
        let place = HEADER as u64 + (frames - 1) * (page_size + FRAME_HEADER as u64);
        let (Some(header), Some(frame)) = (self.file.read::<HEADER>(0), self.file.read::<FRAME_HEADER>(place)) else {
            return false;
        };
        let is_whole = self.file.length() >= Some(place + page_size + FRAME_HEADER as u64);
        is_whole && MAGIC.iter().any(|magic| header.starts_with(magic)) && header[16..24] == frame[8..16]
    }
}

/// How many frames of the log count, as all processes see it, and how large their pages are.
fn frames(connection: &Connection) -> rusqlite::Result<(u64, u64)> {
    let number = |row: &rusqlite::Row<'_>, column| row.get::<_, i64>(column);
    let frames = connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| number(row, 1))?;
    let page_size = connection.query_row("PRAGMA page_size", [], |row| number(row, 0))?;
    Ok((frames.max(0).unsigned_abs(), page_size.unsigned_abs()))
}
