import CPostgreSQL
import Glibc

// Values as bytes, results as values, and the wait for the socket.

extension PostgreSQLValue {
    /// The OID the placeholder is prepared with; 0: the server finds out.
    var type: Oid {
        switch self {
        case .null: 0
        case .integer: 20
        case .text: 25
        case .blob: 17
        case .real: 701
        }
    }

    /// Binary form; nil: NULL.
    fileprivate var bytes: [UInt8]? {
        switch self {
        case .null: nil
        case .integer(let value): bigEndian(UInt64(bitPattern: value))
        case .real(let value): bigEndian(value.bitPattern)
        case .text(let value): Array(value.utf8)
        case .blob(let value): value
        }
    }
}

private func bigEndian(_ value: UInt64) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { Array($0) }
}

/// Queues one prepared command. Calls `PQsendQueryPrepared`.
func send(_ values: [PostgreSQLValue], _ name: String, _ raw: OpaquePointer) -> Int32 {
    // One buffer for all values, so that the pointers into it stay.
    var buffer: [UInt8] = []
    var places: [Int?] = []
    var lengths: [Int32] = []
    for value in values {
        let bytes = value.bytes
        places.append(bytes == nil ? nil : buffer.count)
        lengths.append(Int32(clamping: bytes?.count ?? 0))
        buffer += bytes ?? []
    }
    // An empty value is no NULL: its pointer must be some address.
    buffer.append(0)
    let formats = [Int32](repeating: 1, count: values.count)
    return buffer.withUnsafeBytes { bytes in
        let start = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
        let pointers = places.map { place in place.flatMap { start?.advanced(by: $0) } }
        return PQsendQueryPrepared(
            raw, name, Int32(values.count), pointers, lengths, formats, 1)
    }
}

extension PostgreSQLAnswer {
    /// Reads a result. Calls `PQgetvalue` and its like.
    init(_ result: OpaquePointer) throws(PostgreSQLError) {
        changes = Int(String(cString: PQcmdTuples(result))) ?? 0
        let columns = PQnfields(result)
        let types = (0..<columns).map { PQftype(result, $0) }
        rows.reserveCapacity(Int(PQntuples(result)))
        for row in 0..<PQntuples(result) {
            var values: [PostgreSQLValue] = []
            values.reserveCapacity(Int(columns))
            for column in 0..<columns {
                if PQgetisnull(result, row, column) == 1 {
                    values.append(.null)
                    continue
                }
                let bytes = UnsafeRawBufferPointer(
                    start: PQgetvalue(result, row, column),
                    count: Int(PQgetlength(result, row, column)))
                guard let value = decoded(bytes, types[Int(column)]) else {
                    throw PostgreSQLError(
                        call: "PQgetvalue", state: "0A000",
                        message: "a value of type \(types[Int(column)]) cannot be read")
                }
                values.append(value)
            }
            rows.append(values)
        }
    }
}

private func decoded(_ bytes: UnsafeRawBufferPointer, _ type: Oid) -> PostgreSQLValue? {
    func number() -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
    switch type {
    case 16 where bytes.count == 1: return .integer(bytes[0] == 0 ? 0 : 1)
    case 20 where bytes.count == 8: return .integer(Int64(bitPattern: number()))
    case 21 where bytes.count == 2:
        return .integer(Int64(Int16(truncatingIfNeeded: number())))
    case 23 where bytes.count == 4:
        return .integer(Int64(Int32(truncatingIfNeeded: number())))
    case 701 where bytes.count == 8: return .real(Double(bitPattern: number()))
    case 17: return .blob(Array(bytes))
    // TEXT, VARCHAR, NAME, and an untyped literal.
    case 25, 1043, 19, 705: return .text(String(decoding: bytes, as: UTF8.self))
    case 1700: return wholeNumeric(bytes)
    // A function of no value.
    case 2278: return .null
    default: return nil
    }
}

/// A NUMERIC without a fraction that fits in 64 bits, e.g. a sum of BIGINTs: digits of base 10,000
/// after four headers of two bytes (count, weight, sign, scale).
private func wholeNumeric(_ bytes: UnsafeRawBufferPointer) -> PostgreSQLValue? {
    func word(_ index: Int) -> Int {
        Int(Int16(truncatingIfNeeded: Int(bytes[2 * index]) << 8 | Int(bytes[2 * index + 1])))
    }
    guard bytes.count >= 8, bytes.count == 8 + 2 * word(0) else { return nil }
    let (count, weight, sign) = (word(0), word(1), word(2))
    guard count <= weight + 1, weight < 5, sign == 0 || sign == 0x4000 else { return nil }
    var value: Int64 = 0
    for index in 0..<max(weight + 1, 0) {
        let digit = Int64(index < count ? word(4 + index) : 0)
        let (product, isOver) = value.multipliedReportingOverflow(by: 10_000)
        // Built below zero: the smallest number has no positive twin.
        let (sum, isOverToo) = product.subtractingReportingOverflow(digit)
        if isOver || isOverToo { return nil }
        value = sum
    }
    if sign == 0x4000 { return .integer(value) }
    return value == .min ? nil : .integer(-value)
}

/// The error of a result. Calls `PQresultErrorField`.
func refusal(_ result: OpaquePointer?, _ call: String) -> PostgreSQLError {
    func field(_ name: UnicodeScalar) -> String {
        PQresultErrorField(result, Int32(name.value)).map { String(cString: $0) } ?? ""
    }
    // "C" SQLSTATE, "M" primary message, "n" constraint: PG_DIAG_… of postgres_ext.h.
    return PostgreSQLError(
        call: call, state: field("C"), message: field("M"), constraint: field("n"))
}

enum SocketState { case ready, late, failed }

/// Waits until the socket can be read (or written). Calls `poll`.
func ready(
    _ socket: Int32, writing: Bool, until deadline: ContinuousClock.Instant
) -> SocketState {
    while true {
        let left = deadline - .now
        if left <= .zero { return .late }
        let (seconds, attoseconds) = left.components
        let milliseconds = seconds * 1_000 + attoseconds / 1_000_000_000_000_000 + 1
        var watched = pollfd(
            fd: socket, events: Int16(POLLIN | (writing ? POLLOUT : 0)), revents: 0)
        let count = poll(&watched, 1, Int32(clamping: milliseconds))
        if count > 0 { return .ready }
        if count < 0, errno != EINTR { return .failed }
    }
}

/// C's array of strings, ended by NULL, while `body` runs.
func withCStrings<R>(
    _ strings: [String], _ body: ([UnsafePointer<CChar>?]) -> R
) -> R {
    let copies = strings.map { strdup($0) }
    defer { copies.forEach { free($0) } }
    return body(copies.map { UnsafePointer($0) } + [nil])
}
