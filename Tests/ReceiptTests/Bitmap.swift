import Foundation
import Receipts
import TestSupport
import TextImage

/// What a printer makes of ESC/POS, read strictly: anything the product has no business to send is
/// an error.
enum RasterReader {
    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    /// The strips of paper, one a cut.
    static func papers(_ bytes: [UInt8]) throws -> [InkImage] {
        var papers: [InkImage] = []
        var rows: [[Bool]]?
        var place = 0
        func need(_ count: Int) throws {
            guard place + count <= bytes.count else { throw Fault(description: "cut short") }
        }
        while place < bytes.count {
            switch bytes[place] {
            case 0: place += 1  // flushes an image that never came whole
            case 0x1B where bytes[place...].starts(with: [0x1B, 0x40]):
                rows = []
                place += 2
            case 0x1B where bytes[place...].starts(with: [0x1B, 0x64]): place += 3
            case 0x1D where bytes[place...].starts(with: [0x1D, 0x76, 0x30, 0]):
                try need(8)
                let across = Int(bytes[place + 4]) + Int(bytes[place + 5]) << 8
                let down = Int(bytes[place + 6]) + Int(bytes[place + 7]) << 8
                place += 8
                try need(across * down)
                guard rows != nil, across > 0, down > 0 else {
                    throw Fault(description: "no ESC @")
                }
                for row in 0..<down {
                    let start = place + row * across
                    rows?.append(
                        bytes[start..<(start + across)].flatMap { byte in
                            (0..<8).map { byte & 0x80 >> UInt8($0) != 0 }
                        })
                }
                place += across * down
            case 0x1D where bytes[place...].starts(with: [0x1D, 0x56, 66, 0]):
                guard let made = rows, let width = made.first?.count else {
                    throw Fault(description: "a cut without paper")
                }
                var paper = InkImage(width: width, height: made.count)
                paper.ink = made.flatMap { $0 }
                papers.append(paper)
                rows = nil
                place += 4
            default: throw Fault(description: "byte \(bytes[place]) at \(place)")
            }
        }
        guard rows == nil else { throw Fault(description: "no cut at the end") }
        return papers
    }
}

extension InkImage {
    /// Each dot as `scale` × `scale`, with a margin, as a grey PNG without compression.
    func png(scale: Int = 2, margin: Int = 24) -> [UInt8] {
        let (across, down) = (width * scale + 2 * margin, height * scale + 2 * margin)
        var raw: [UInt8] = []
        raw.reserveCapacity((across + 1) * down)
        for y in 0..<down {
            raw.append(0)
            for x in 0..<across {
                let inside = x >= margin && y >= margin
                let isInk =
                    inside && hasInk(column: (x - margin) / scale, row: (y - margin) / scale)
                raw.append(isInk ? 0 : 255)
            }
        }
        func number(_ value: UInt32) -> [UInt8] {
            (0..<4).map { UInt8(value >> (24 - 8 * $0) & 0xFF) }
        }
        func chunk(_ name: String, _ data: [UInt8]) -> [UInt8] {
            let body = Array(name.utf8) + data
            return number(UInt32(data.count)) + body + number(Self.crc(body))
        }
        var packed: [UInt8] = [0x78, 0x01]
        var rest = raw[...]
        while !rest.isEmpty {
            let part = rest.prefix(65_535)
            rest = rest.dropFirst(part.count)
            let count = UInt16(part.count)
            packed += [rest.isEmpty ? 1 : 0, UInt8(count & 0xFF), UInt8(count >> 8)]
            packed += [UInt8(~count & 0xFF), UInt8(~count >> 8)] + part
        }
        var (low, high): (UInt32, UInt32) = (1, 0)
        for byte in raw {
            low = (low + UInt32(byte)) % 65_521
            high = (high + low) % 65_521
        }
        packed += number(high << 16 | low)
        let header = number(UInt32(across)) + number(UInt32(down)) + [8, 0, 0, 0, 0]
        return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + chunk("IHDR", header)
            + chunk("IDAT", packed) + chunk("IEND", [])
    }

    private static func crc(_ bytes: [UInt8]) -> UInt32 {
        var crc: UInt32 = 0xFFFF_FFFF
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        }
        return ~crc
    }

    /// Dots of ink.
    var inkCount: Int { ink.count { $0 } }
}

/// Programs that read what was drawn.
enum Reading {
    static let zbar = "/usr/bin/zbarimg"
    static let tesseract = "/usr/bin/tesseract"
    static var isPossible: Bool {
        [zbar, tesseract].allSatisfy { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// Where pictures stay for people to look at.
    static let folder: String = {
        let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let folder = tests.appending(path: "Artifacts").path()
        try? FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        return folder
    }()

    /// Writes a picture and says where.
    static func keep(_ image: InkImage, _ name: String) throws -> String {
        let path = folder + "/receipt-\(name).png"
        try Data(image.png()).write(to: URL(filePath: path))
        return path
    }

    static func code(_ path: String) throws -> String {
        try output(zbar, ["--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", path])
    }

    static func words(_ path: String) throws -> String {
        try output(tesseract, [path, "-", "-l", "fra", "--psm", "4"])
    }

    private static func output(_ program: String, _ words: [String]) throws -> String {
        try Programs.run(program, words, environment: ["OMP_THREAD_LIMIT": "1"]).out
    }
}
