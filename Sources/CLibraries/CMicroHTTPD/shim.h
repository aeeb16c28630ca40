// libmicrohttpd. The information calls are variadic, which Swift cannot call.
#pragma once
#include <sys/types.h>
#include <sys/socket.h>
#include <microhttpd.h>

/// The client's address, or NULL: `MHD_get_connection_info`, MHD_CONNECTION_INFO_CLIENT_ADDRESS.
static inline const struct sockaddr *cmhd_client_address(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *found =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    return found ? found->client_addr : (const struct sockaddr *)0;
}

/// The socket, or -1: `MHD_get_connection_info`, MHD_CONNECTION_INFO_CONNECTION_FD.
static inline int cmhd_socket(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *found =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return found ? found->connect_fd : -1;
}

/// The port in use, or 0: `MHD_get_daemon_info`, MHD_DAEMON_INFO_BIND_PORT.
static inline uint16_t cmhd_port(struct MHD_Daemon *daemon) {
    const union MHD_DaemonInfo *found = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
    return found ? found->port : 0;
}
