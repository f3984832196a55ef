//! All rows of a file, out and in again.

use redb::{Key, ReadableTable as _, Table, TableDefinition, TableHandle as _, Value};

use super::{
    super::{
        super::{
            StoreError,
            backup::{BackupError, RowWriter, TABLES},
        },
        writer::Fault,
    },
    ACKS, HEADS, INBOX, LOG_ACKS, LOGS, MARK_TIMES, MARKS, Reading, SPENT, SPENT_TIMES, STATEMENTS,
    Tables,
};

impl Reading {
    /// Writes every row that [`TABLES`] names.
    pub(in super::super) fn copy(&self, out: &mut RowWriter<'_>) -> Result<(), BackupError> {
        self.copy_table(INBOX, out)?;
        self.copy_table(HEADS, out)?;
        self.copy_table(MARKS, out)?;
        self.copy_table(MARK_TIMES, out)?;
        self.copy_table(ACKS, out)?;
        self.copy_table(SPENT, out)?;
        self.copy_table(SPENT_TIMES, out)?;
        self.copy_table(STATEMENTS, out)?;
        self.copy_table(LOGS, out)?;
        self.copy_table(LOG_ACKS, out)
    }

    fn copy_table<K: Key + 'static, V: Value + 'static>(
        &self,
        definition: TableDefinition<'_, K, V>,
        out: &mut RowWriter<'_>,
    ) -> Result<(), BackupError> {
        let number = TABLES.iter().position(|name| *name == definition.name());
        let number = number.and_then(|number| u8::try_from(number).ok());
        let number = number.ok_or(StoreError::Foreign)?;
        let failed = |fault: Fault| BackupError::Store(fault.into_error());
        let table = self.0.open_table(definition).map_err(Fault::from);
        let table = table.map_err(failed)?;
        for entry in table.iter().map_err(Fault::from).map_err(failed)? {
            let (key, value) = entry.map_err(Fault::from).map_err(failed)?;
            let (key, value) = (key.value(), value.value());
            let (key, value) = (K::as_bytes(&key), V::as_bytes(&value));
            out.row(number, key.as_ref(), value.as_ref())?;
        }
        Ok(())
    }
}

impl Tables<'_> {
    /// Puts a row back that [`Reading::copy`] wrote.
    pub(in super::super) fn put_back(
        &mut self,
        table: u8,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), Fault> {
        match TABLES.get(usize::from(table)) {
            Some(&"inbox") => insert(&mut self.inbox, key, value),
            Some(&"heads") => insert(&mut self.heads, key, value),
            Some(&"marks") => insert(&mut self.marks, key, value),
            Some(&"mark_times") => insert(&mut self.mark_times, key, value),
            Some(&"acks") => insert(&mut self.acks, key, value),
            Some(&"spent") => insert(&mut self.spent, key, value),
            Some(&"spent_times") => insert(&mut self.spent_times, key, value),
            Some(&"statements") => insert(&mut self.statements, key, value),
            Some(&"logs") => insert(&mut self.logs, key, value),
            Some(&"log_acks") => insert(&mut self.log_acks, key, value),
            _ => Err(Fault::Refused(StoreError::Foreign)),
        }
    }

    /// Devices have gone on since the backup was taken: each log may begin again further on.
    pub(in super::super) fn reopen_logs(&mut self) -> Result<(), Fault> {
        let mut known = Vec::new();
        for entry in self.logs.iter()? {
            let (key, _) = entry?;
            let (line, log, _) = key.value();
            if known.last() != Some(&(*line, log)) {
                known.push((*line, log));
            }
        }
        for (line, log) in known {
            self.reopened.insert((&line, log), ())?;
        }
        Ok(())
    }
}

fn insert<K: Key + 'static, V: Value + 'static>(
    table: &mut Table<'_, K, V>,
    key: &[u8],
    value: &[u8],
) -> Result<(), Fault> {
    let fits = |width: Option<usize>, bytes: &[u8]| width.is_none_or(|width| width == bytes.len());
    if !fits(K::fixed_width(), key) || !fits(V::fixed_width(), value) {
        return Err(Fault::Refused(StoreError::Corrupt));
    }
    table.insert(K::from_bytes(key), V::from_bytes(value))?;
    Ok(())
}
