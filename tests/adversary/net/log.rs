//! The adversary's end of the desk's log: one record per position, and faults of its own.

use sotto_protocol::log::{LogHeader, LogPage};

use super::{Conflict, Net};

/// What becomes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFate {
    /// Neither taken nor answered.
    Lost,
    /// Taken, and not answered.
    Unanswered,
    /// Not answered, and taken later if its position is free then.
    Late,
}

/// The records that stand, and what is on its way.
#[derive(Default, Clone)]
pub(crate) struct Log {
    records: Vec<Vec<u8>>,
    late: Vec<Vec<u8>>,
    pub(crate) fates: Vec<LogFate>,
    /// Requests of each device for the log that find it out of service.
    pub(crate) away: [usize; 3],
}

const DESK: u16 = 1;

impl Log {
    /// Records that are late arrive, the last one first.
    pub(super) fn release(&mut self) {
        while let Some(record) = self.late.pop() {
            // Where another record stands it comes to nothing.
            let _taken = self.append(record);
        }
    }

    pub(super) fn become_well(&mut self) {
        self.fates.clear();
        self.away = [0; 3];
    }

    /// Whether a request of this device finds the log out of service.
    pub(crate) fn is_away(&mut self, device: usize) -> bool {
        let is_away = self.away[device] > 0;
        self.away[device] -= usize::from(is_away);
        is_away
    }

    /// The same bytes again change nothing.
    fn append(&mut self, record: Vec<u8>) -> Result<(), Conflict> {
        let header = LogHeader::parse(&record).unwrap();
        let position = usize::try_from(header.position).unwrap();
        match self.records.get(position) {
            Some(stands) if *stands == record => Ok(()),
            None if position == self.records.len() => {
                self.records.push(record);
                Ok(())
            }
            _ => Err(Conflict),
        }
    }
}

impl Net {
    /// `None`: no answer.
    pub(crate) fn append_log(&mut self, record: Vec<u8>) -> Option<Result<(), Conflict>> {
        self.witness.record(&record);
        match self.log.fates.pop() {
            None => Some(self.log.append(record)),
            Some(LogFate::Lost) => None,
            Some(LogFate::Unanswered) => {
                let _taken = self.log.append(record);
                None
            }
            Some(LogFate::Late) => {
                self.log.late.push(record);
                None
            }
        }
    }

    pub(crate) fn read_log(&self, from: usize, most: usize) -> LogPage {
        let records = self.log.records.iter().skip(from).take(most);
        LogPage {
            log: DESK,
            incarnation: self.incarnation(),
            next: self.log.records.len() as u64,
            records: records.cloned().collect(),
        }
    }
}
