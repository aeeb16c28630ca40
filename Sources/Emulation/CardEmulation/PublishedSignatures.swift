import Crypto

/// Originality signatures of real NTAG 424 DNA that were published with their UID (AN12196 and
/// open projects). They verify under NXP's public key; a made-up UID cannot have one.
enum PublishedSignatures {
    static func signature(of uid: [UInt8]) -> [UInt8]? {
        guard let halves = pairs[Hexadecimal.text(uid)] else { return nil }
        return Hexadecimal.bytes(halves.joined())
    }

    /// UID, then r and s.
    private static let pairs: [String: [String]] = [
        "04518dfaa96180": [
            "d1940d17cfeda4bff80359ab975f9f6514313e8f90c1d3caaf5941ad",
            "744a1cdf9a83f883cafe0fe95d1939b1b7e47113993324473b785d21",
        ],
        "047728824d6580": [
            "9c7068636a285feba1e2406654009dce6e8a9c9ce318be0262ed1625",
            "19b970b32fb802858420d667d12cebcd32bb4bc8afe21c753a5a6c26",
        ],
        "041d3c8a2d6b80": [
            "a438feb368dc45f9b8899c2926a985be5d08e342ce016e9f08f3fdae",
            "388bb4d6b3dfd7dea2e1977ccd2e4c9f82f245d4de08fb7fcb8043e3",
        ],
        "041c3c8a2d6b80": [
            "b46d0539f65330e0d3c262fd6971c2e1de1b609e68e2d003903faafc",
            "c0a4ac6db78c638a85247fe5ad2ad535105b5cf0422143bf2817b862",
        ],
        "042428824d6580": [
            "7dc7eda4552d23df3d90e36e4abcb8c116d971d7162596c00b5d1f6a",
            "4eff0fbe562d19b7c95d6582f0da74b43efd2db36cd4a1451ce88330",
        ],
        "0463474aa26a80": [
            "27e9a50e6ca4ba9037c02f7d20a80d0284d0c1d83c67f5a5ac1d8a4e",
            "f86c9508417e4e9c6f85aa7920f0abded984caf20467d66ea54bbf08",
        ],
        "04c46c222a6380": [
            "344a806ebf704c05c19215d2f840529ce365aad2d08a469a95896d75",
            "d477d9fab02a0c827e9f215bd8eb0e56a3a9a008fb75d706aabbd4da",
        ],
        "04407a7a0b1090": [
            "5f019173da747943318455d4dd9413858c8d335d4b488dc52a606386",
            "115c5c796ce79e95a499c430b6dd5d1cd41bf23f258c678070dbd42c",
        ],
    ]
}
