//! The write-ahead log as it lies on disk, held against what this process last saw in it.
//!
//! Until the log is started over, frames are only put behind those that are there, whichever process writes. So the last frame that was
//! seen has to stay as it was, and the log's beginning, too. Whoever starts the log over gives it another header before any frame.

use rusqlite::Connection;

use super::kept_file::KeptFile;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
const BEGINNING: usize = HEADER + FRAME_HEADER;

/// What the log begins with, whichever byte order its checksums have.
const MAGIC: [[u8; 4]; 2] = [[0x37, 0x7f, 0x06, 0x82], [0x37, 0x7f, 0x06, 0x83]];

/// How often a log that does not fit together is looked at: another process may just be starting it over.
const LOOKS: u32 = 3;

/// The log, and what was last seen of it.
#[derive(Debug)]
pub(super) struct LogContent {
    file: KeptFile,
    page_size: usize,
    beginning: Option<Beginning>,
    last: Option<Frame>,
    /// Room for a frame.
    spare: Vec<u8>,
}

/// The log's header and the first frame's.
#[derive(Clone, Copy, Debug)]
struct Beginning([u8; BEGINNING]);

/// A frame with which a transaction ends.
#[derive(Debug)]
struct Frame {
    /// The first has number 1.
    number: u32,
    /// Its header and its page.
    bytes: Vec<u8>,
}

impl Beginning {
    fn header(&self) -> &[u8] {
        &self.0[..HEADER]
    }

    /// What the header and all frames have in common, until the log is started over.
    fn salts(&self) -> &[u8] {
        &self.0[16..24]
    }

    /// The first frame's header, unless it stems from before the log was started over.
    fn first_frame(&self) -> Option<&[u8]> {
        let first_frame = &self.0[HEADER..];
        (salts_of(first_frame) == self.salts()).then_some(first_frame)
    }

    fn has(&self, frame: &[u8]) -> bool {
        MAGIC.iter().any(|magic| self.0.starts_with(magic)) && salts_of(frame) == self.salts()
    }

    /// Whether the log can have gone on from one beginning to the other without being started over. A first frame that was not
    /// committed when it was seen may have become another one.
    fn goes_on_as(&self, later: &Self, is_committed: bool) -> bool {
        let first_frame = self.first_frame().filter(|_| is_committed);
        self.header() == later.header() && first_frame.is_none_or(|first| later.first_frame() == Some(first))
    }
}

fn salts_of(frame: &[u8]) -> &[u8] {
    &frame[8..16]
}

impl LogContent {
    pub(super) fn new(file: KeptFile, connection: &Connection) -> Self {
        let page_size = connection.query_row("PRAGMA page_size", [], |row| row.get::<_, u32>(0));
        let mut content = Self {
            file,
            page_size: page_size.unwrap_or_default() as usize,
            beginning: None,
            last: None,
            spare: Vec::new(),
        };
        content.look_anew(connection);
        content
    }

    /// Whether nothing was cut off or written over of what this process saw last. `written`: how many frames there are since it has
    /// committed, if it has. `is_kept`: whether the database still has what this process committed.
    pub(super) fn is_ours(
        &mut self,
        written: Option<u32>,
        connection: &Connection,
        is_kept: impl Fn() -> bool,
    ) -> bool {
        let is_guarded = self.file.is_open() && self.page_size > 0;
        !is_guarded || self.goes_on(written) || (0..LOOKS).any(|_| self.look_anew(connection) && is_kept())
    }

    /// Whether the log goes on where this process saw it end.
    fn goes_on(&mut self, written: Option<u32>) -> bool {
        if !self.last_is_there() {
            return false;
        }
        let next = match written {
            Some(number) if number <= self.last_number() => return false,
            Some(number) => match self.frame(number) {
                Some(frame) => Some(frame),
                None => return false,
            },
            None => None,
        };
        // Read behind the frames: should they be those of a log that was started over, then so is the header.
        let found = self.beginning();
        let goes_on = match (&self.beginning, &found) {
            (Some(before), Some(found)) => {
                before.goes_on_as(found, self.last.is_some()) && next.as_ref().is_none_or(|next| found.has(&next.bytes))
            }
            (None, None) => next.is_none(),
            _ => false,
        };
        match next {
            Some(next) if goes_on => self.see(found, Some(next)),
            Some(unfit) => self.spare = unfit.bytes,
            None if goes_on => self.beginning = found,
            None => {}
        }
        goes_on
    }

    /// Takes note of a log that was started over, and says whether the last frame that SQLite counts on is there.
    fn look_anew(&mut self, connection: &Connection) -> bool {
        // What cannot be asked now is found out by SQLite or with the next commit.
        let Ok(frames) = frames(connection) else {
            return true;
        };
        let last = match frames {
            0 => None,
            number => match self.frame(number) {
                Some(frame) => Some(frame),
                None => return false,
            },
        };
        let found = self.beginning();
        let is_whole = match (&last, &found) {
            (None, _) => true,
            (Some(last), Some(found)) => found.has(&last.bytes),
            (Some(_), None) => false,
        };
        let is_same = match (&self.beginning, &found) {
            (Some(before), Some(found)) => before.header() == found.header(),
            _ => false,
        };
        // The same log as before has to have what was seen of it.
        let is_whole = is_whole && (!is_same || self.has_all_of(found.as_ref(), frames));
        if is_whole {
            self.see(found, last);
        }
        is_whole
    }

    fn has_all_of(&mut self, found: Option<&Beginning>, frames: u32) -> bool {
        let begins_so = match (&self.beginning, found) {
            (Some(before), Some(found)) => before.goes_on_as(found, self.last.is_some()),
            _ => true,
        };
        // Emptied and started over, and nothing was written since: what is there does not count any more.
        frames == 0 || begins_so && frames >= self.last_number() && self.last_is_there()
    }

    fn see(&mut self, beginning: Option<Beginning>, last: Option<Frame>) {
        self.beginning = beginning;
        if let Some(before) = std::mem::replace(&mut self.last, last) {
            self.spare = before.bytes;
        }
    }

    fn last_number(&self) -> u32 {
        self.last.as_ref().map_or(0, |last| last.number)
    }

    fn last_is_there(&mut self) -> bool {
        let Some(last) = &self.last else { return true };
        let place = self.place(last.number);
        self.spare.resize(last.bytes.len(), 0);
        self.file.read_into(place, &mut self.spare) && self.spare == last.bytes
    }

    fn frame(&mut self, number: u32) -> Option<Frame> {
        let mut bytes = std::mem::take(&mut self.spare);
        bytes.resize(FRAME_HEADER + self.page_size, 0);
        let is_read = self.file.read_into(self.place(number), &mut bytes);
        is_read.then_some(Frame { number, bytes })
    }

    fn place(&self, number: u32) -> u64 {
        let frames_before = u64::from(number.saturating_sub(1));
        HEADER as u64 + frames_before * (FRAME_HEADER + self.page_size) as u64
    }

    fn beginning(&self) -> Option<Beginning> {
        let mut beginning = [0; BEGINNING];
        self.file.read_into(0, &mut beginning).then_some(Beginning(beginning))
    }
}

/// How many frames of the log count, as all processes see it.
fn frames(connection: &Connection) -> rusqlite::Result<u32> {
    let frames = connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get::<_, i64>(1))?;
    Ok(u32::try_from(frames).unwrap_or_default())
}
