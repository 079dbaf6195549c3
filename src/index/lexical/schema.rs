//! What tantivy stores of a passage: terms and ids, never the text itself.

use tantivy::TantivyDocument;
use tantivy::schema::{
    BytesOptions, Field, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions,
};

use crate::domain::access::AccessClass;
use crate::domain::document::Passage;
use crate::domain::ids::Generation;

/// Names of the fields that are read back from their columns.
pub(super) const CLASS: &str = "class";
pub(super) const DOCUMENT: &str = "document";
pub(super) const GENERATION: &str = "generation";
pub(super) const ORDINAL: &str = "ordinal";
pub(super) const PASSAGE: &str = "passage";

/// The analyzer of both text fields, as registered with the index.
pub(super) const ENGLISH: &str = "affiant_english_1";

/// Handles of the fields.
#[derive(Clone, Copy)]
pub(super) struct Fields {
    pub(super) passage: Field,
    pub(super) document: Field,
    pub(super) generation: Field,
    ordinal: Field,
    class: Field,
    pub(super) text: Field,
    pub(super) headings: Field,
}

/// The schema. A change of it, or of what [`ENGLISH`] does, needs a rebuilt index: opening an
/// index of another schema is refused.
pub(super) fn schema() -> (Schema, Fields) {
    let mut builder = Schema::builder();
    let bytes = BytesOptions::default().set_indexed().set_fast();
    let column = NumericOptions::default().set_fast();
    // Frequencies but no positions: ranking needs no more, and the index is a third smaller.
    let words = TextFieldIndexing::default()
        .set_tokenizer(ENGLISH)
        .set_index_option(IndexRecordOption::WithFreqs);
    let words = TextOptions::default().set_indexing_options(words);
    let fields = Fields {
        passage: builder.add_bytes_field(PASSAGE, bytes.clone()),
        document: builder.add_bytes_field(DOCUMENT, bytes),
        generation: builder.add_u64_field(GENERATION, column.clone().set_indexed()),
        ordinal: builder.add_u64_field(ORDINAL, column.clone()),
        class: builder.add_u64_field(CLASS, column),
        text: builder.add_text_field("text", words.clone()),
        headings: builder.add_text_field("headings", words),
    };
    (builder.build(), fields)
}

impl Fields {
    /// One passage as tantivy takes it.
    pub(super) fn entry(
        &self,
        generation: Generation,
        class: AccessClass,
        passage: &Passage,
    ) -> TantivyDocument {
        let mut entry = TantivyDocument::default();
        entry.add_bytes(self.passage, passage.id.0.as_bytes());
        entry.add_bytes(self.document, passage.document.0.as_bytes());
        entry.add_u64(self.generation, generation.0);
        entry.add_u64(self.ordinal, u64::from(passage.ordinal));
        entry.add_u64(self.class, u64::from(class.0));
        entry.add_text(self.text, &passage.text);
        for heading in &passage.headings {
            entry.add_text(self.headings, heading);
        }
        entry
    }
}
