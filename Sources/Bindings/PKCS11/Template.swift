import CP11Kit
import Glibc

/// Attributes in C memory for the length of a call; the values are zeroed at the end.
struct Template: ~Copyable {
    private let values: UnsafeMutableBufferPointer<UInt8>
    private let rows: UnsafeMutableBufferPointer<CK_ATTRIBUTE>

    init(_ attributes: [TokenAttribute]) {
        values = .allocate(capacity: max(1, attributes.reduce(0) { $0 + $1.value.count }))
        rows = .allocate(capacity: max(1, attributes.count))
        values.initialize(repeating: 0)
        rows.initialize(repeating: CK_ATTRIBUTE())
        var next = 0
        for (index, attribute) in attributes.enumerated() {
            for (offset, byte) in attribute.value.enumerated() { values[next + offset] = byte }
            rows[index].type = CK_ATTRIBUTE_TYPE(attribute.type)
            rows[index].pValue = UnsafeMutableRawPointer(values.baseAddress.map { $0 + next })
            rows[index].ulValueLen = UInt(attribute.value.count)
            next += attribute.value.count
        }
        count = UInt(attributes.count)
    }

    let count: UInt
    var pointer: UnsafeMutablePointer<CK_ATTRIBUTE>? { rows.baseAddress }

    deinit {
        if let start = values.baseAddress { explicit_bzero(start, values.count) }
        values.deallocate()
        rows.deallocate()
    }
}

/// A PIN in C memory for the length of a call, zeroed at the end.
struct PIN: ~Copyable {
    private let bytes: UnsafeMutableBufferPointer<UInt8>

    init(_ pin: [UInt8]) {
        bytes = .allocate(capacity: max(1, pin.count))
        bytes.initialize(repeating: 0)
        for (index, byte) in pin.enumerated() { bytes[index] = byte }
        count = UInt(pin.count)
    }

    let count: UInt
    var pointer: UnsafeMutablePointer<UInt8>? { bytes.baseAddress }

    deinit {
        if let start = bytes.baseAddress { explicit_bzero(start, bytes.count) }
        bytes.deallocate()
    }
}
