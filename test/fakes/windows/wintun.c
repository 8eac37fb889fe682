/*
 * A stand-in for wintun.dll: its functions with the rings as the driver lays them out, the network behind them being
 * UDP on loopback, one packet a datagram. Built with mingw-w64 and used in Wine, which has no such driver.
 * Stricter than the driver in one point: a card that a crash has left stands in the way until DeleteDriver was called.
 */
#include <winsock2.h>
#include <windows.h>
#include <stdio.h>

#define ALIGN(size) (((ULONG)(size) + 3) & ~3UL)
#define MAX_PACKET 0xffff
#define RELEASED 0x80000000UL
#define SMALLEST 0x20000
#define LARGEST 0x4000000
#define TERMINATED 0xffffffffUL

/* struct TUN_RING: head, tail, alertable, data; a packet is 32 bits of size and its bytes, at a multiple of 4. */
typedef struct {
    volatile LONG head, tail, alertable;
    BYTE data[];
} Ring;

typedef struct {
    WCHAR name[128];
    GUID guid;
} Adapter;

typedef struct {
    Ring *ring;
    ULONG at;
    LONG outstanding;
    CRITICAL_SECTION lock;
} Side;

typedef struct {
    ULONG capacity;
    Side receive, send;
    HANDLE readable, writable, stop, threads[2];
} Session;

typedef void(CALLBACK *Logger)(int level, DWORD64 timestamp, LPCWSTR message);

enum { OPTION_FAIL_CREATE, OPTION_DRIVER_IN_USE, OPTION_MISS_WAKE_UPS, OPTION_STALL_SESSIONS, OPTION_HIDE, OPTION_COUNT };
/*
 * failCreate: the error of WintunCreateAdapter. driverInUse: DeleteDriver fails. missWakeUps: no event for packets.
 * stallSessions: of so many sessions to come nothing is taken. hide: so many looks do not see what is there yet.
 */
static LONG options[OPTION_COUNT];
static LONG adapters, sessions, undelivered;
static Logger logger;
static GUID lastGuid;
static SOCKET network = INVALID_SOCKET;

static void logLine(int level, LPCWSTR message)
{
    if (logger) logger(level, 0, message);
}

/* What outlives the process lies in the folder SEALNIC_STANDIN_STATE: "driver" (its version), "NAME.card" (its owner). */
static void statePath(WCHAR *path, LPCWSTR name, LPCWSTR suffix)
{
    WCHAR folder[MAX_PATH];
    GetEnvironmentVariableW(L"SEALNIC_STANDIN_STATE", folder, MAX_PATH);
    swprintf(path, MAX_PATH, L"%ls\\%ls%ls", folder, name, suffix);
}

static DWORD readNumber(LPCWSTR name, LPCWSTR suffix)
{
    WCHAR path[MAX_PATH];
    char text[32] = {0};
    DWORD length;
    statePath(path, name, suffix);
    HANDLE file = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    if (file == INVALID_HANDLE_VALUE) return 0;
    ReadFile(file, text, sizeof text - 1, &length, NULL);
    CloseHandle(file);
    return strtoul(text, NULL, 0);
}

static void writeNumber(LPCWSTR name, LPCWSTR suffix, DWORD number)
{
    WCHAR path[MAX_PATH];
    char text[32];
    DWORD length;
    statePath(path, name, suffix);
    HANDLE file = CreateFileW(path, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    WriteFile(file, text, sprintf(text, "%lu", (unsigned long)number), &length, NULL);
    CloseHandle(file);
}

static void forget(LPCWSTR name, LPCWSTR suffix)
{
    WCHAR path[MAX_PATH];
    statePath(path, name, suffix);
    DeleteFileW(path);
}

__declspec(dllexport) void WINAPI StandInSet(int option, int value)
{
    options[option] = value;
}

/* Removes the card under the program's feet, as the device manager does. */
static Session *current;
__declspec(dllexport) void WINAPI StandInTerminate(void)
{
    InterlockedExchange(&current->receive.ring->tail, (LONG)TERMINATED);
    InterlockedExchange(&current->send.ring->head, (LONG)TERMINATED);
    SetEvent(current->readable);
}

/* adapters, sessions, packets not handed back, and the GUID that was asked for. */
__declspec(dllexport) void WINAPI StandInReport(DWORD *report)
{
    report[0] = adapters;
    report[1] = sessions;
    report[2] = undelivered;
    memcpy(report + 3, &lastGuid, sizeof lastGuid);
}

/* The driver's half: a packet into the ring that the program reads. Returns FALSE where it is full. */
static BOOL putPacket(Session *session, const BYTE *bytes, ULONG size)
{
    Ring *ring = session->receive.ring;
    ULONG head = ring->head, tail = ring->tail, mask = session->capacity - 1;
    if (head >= session->capacity || tail >= session->capacity) return FALSE;
    ULONG space = (head - tail - 4) & mask;
    ULONG needed = ALIGN(4 + size);
    if (needed > space) return FALSE;
    *(ULONG *)(ring->data + tail) = size;
    memcpy(ring->data + tail + 4, bytes, size);
    InterlockedExchange(&ring->tail, (tail + needed) & mask);
    if (!options[OPTION_MISS_WAKE_UPS] && ring->alertable) SetEvent(session->readable);
    return TRUE;
}

/* The test's way to bring in a packet of any size; returns whether there was room. */
__declspec(dllexport) int WINAPI StandInInject(const BYTE *bytes, DWORD size)
{
    return putPacket(current, bytes, size);
}

static DWORD WINAPI fromNetwork(void *argument)
{
    Session *session = argument;
    static BYTE bytes[MAX_PACKET];
    while (WaitForSingleObject(session->stop, 0) == WAIT_TIMEOUT) {
        int length = recv(network, (char *)bytes, sizeof bytes, 0);
        if (length > 0) putPacket(session, bytes, length);
    }
    return 0;
}

static DWORD WINAPI toNetwork(void *argument)
{
    Session *session = argument;
    Ring *ring = session->send.ring;
    HANDLE handles[2] = {session->stop, session->writable};
    while (WaitForMultipleObjects(2, handles, FALSE, INFINITE) == WAIT_OBJECT_0 + 1) {
        while ((ULONG)ring->head < session->capacity && ring->head != ring->tail) {
            ULONG size = *(ULONG *)(ring->data + ring->head);
            if (network != INVALID_SOCKET) send(network, (char *)ring->data + ring->head + 4, size, 0);
            InterlockedExchange(&ring->head, (ring->head + ALIGN(4 + size)) & (session->capacity - 1));
        }
    }
    return 0;
}

/* Loopback UDP from port SEALNIC_STANDIN_PORT to the one behind it; without the variable there is no network. */
static void openNetwork(void)
{
    char text[16];
    DWORD timeout = 50;
    WSADATA data;
    int buffer = 4 << 20;
    struct sockaddr_in address = {.sin_family = AF_INET};
    if (network != INVALID_SOCKET || !GetEnvironmentVariableA("SEALNIC_STANDIN_PORT", text, sizeof text)) return;
    WSAStartup(MAKEWORD(2, 2), &data);
    network = socket(AF_INET, SOCK_DGRAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(atoi(text));
    bind(network, (struct sockaddr *)&address, sizeof address);
    address.sin_port = htons(atoi(text) + 1);
    connect(network, (struct sockaddr *)&address, sizeof address);
    setsockopt(network, SOL_SOCKET, SO_RCVTIMEO, (char *)&timeout, sizeof timeout);
    setsockopt(network, SOL_SOCKET, SO_RCVBUF, (char *)&buffer, sizeof buffer);
}

__declspec(dllexport) Adapter *WINAPI WintunCreateAdapter(LPCWSTR name, LPCWSTR type, const GUID *guid)
{
    if (options[OPTION_FAIL_CREATE]) {
        logLine(2, L"Failed to create the device");
        SetLastError(options[OPTION_FAIL_CREATE]);
        return NULL;
    }
    if (readNumber(name, L".card")) {
        SetLastError(ERROR_ALREADY_EXISTS);
        return NULL;
    }
    Adapter *adapter = calloc(1, sizeof *adapter);
    wcsncpy(adapter->name, name, 127);
    adapter->guid = lastGuid = *guid;
    if (!readNumber(L"driver", L"")) writeNumber(L"driver", L"", 14);
    writeNumber(name, L".card", GetCurrentProcessId());
    adapters++;
    logLine(0, L"Creating the adapter");
    return adapter;
}

__declspec(dllexport) Adapter *WINAPI WintunOpenAdapter(LPCWSTR name)
{
    if (!readNumber(name, L".card")) {
        SetLastError(ERROR_NOT_FOUND);
        return NULL;
    }
    adapters++;
    return calloc(1, sizeof(Adapter));
}

__declspec(dllexport) void WINAPI WintunCloseAdapter(Adapter *adapter)
{
    if (adapter->name[0]) forget(adapter->name, L".card");
    free(adapter);
    adapters--;
}

__declspec(dllexport) BOOL WINAPI WintunDeleteDriver(void)
{
    WCHAR pattern[MAX_PATH], path[MAX_PATH];
    WIN32_FIND_DATAW found;
    if (options[OPTION_DRIVER_IN_USE]) {
        SetLastError(ERROR_BUSY);
        return FALSE;
    }
    statePath(pattern, L"*", L".card");
    HANDLE search = FindFirstFileW(pattern, &found);
    if (search != INVALID_HANDLE_VALUE) {
        do {
            statePath(path, found.cFileName, L"");
            DeleteFileW(path);
        } while (FindNextFileW(search, &found));
        FindClose(search);
    }
    forget(L"driver", L"");
    return TRUE;
}

/* The card stands for the loopback interface, which Wine has. */
typedef DWORD(WINAPI *ConvertIndex)(DWORD index, DWORD64 *luid);
__declspec(dllexport) void WINAPI WintunGetAdapterLUID(Adapter *adapter, DWORD64 *luid)
{
    ConvertIndex convert =
        (ConvertIndex)(void *)GetProcAddress(LoadLibraryW(L"iphlpapi.dll"), "ConvertInterfaceIndexToLuid");
    convert(1, luid);
}

__declspec(dllexport) DWORD WINAPI WintunGetRunningDriverVersion(void)
{
    DWORD version = readNumber(L"driver", L"");
    if (!version) SetLastError(ERROR_FILE_NOT_FOUND);
    return version;
}

__declspec(dllexport) void WINAPI WintunSetLogger(Logger newLogger)
{
    logger = newLogger;
}

__declspec(dllexport) Session *WINAPI WintunStartSession(Adapter *adapter, DWORD capacity)
{
    if (capacity < SMALLEST || capacity > LARGEST || (capacity & (capacity - 1))) {
        SetLastError(ERROR_INVALID_PARAMETER);
        return NULL;
    }
    Session *session = calloc(1, sizeof *session);
    SIZE_T bytes = sizeof(Ring) + capacity + MAX_PACKET + 4;
    session->capacity = capacity;
    session->receive.ring = VirtualAlloc(NULL, bytes, MEM_COMMIT, PAGE_READWRITE);
    session->send.ring = VirtualAlloc(NULL, bytes, MEM_COMMIT, PAGE_READWRITE);
    session->receive.ring->alertable = session->send.ring->alertable = 1;
    InitializeCriticalSection(&session->receive.lock);
    InitializeCriticalSection(&session->send.lock);
    session->readable = CreateEventW(NULL, FALSE, FALSE, NULL);
    session->writable = CreateEventW(NULL, FALSE, FALSE, NULL);
    session->stop = CreateEventW(NULL, TRUE, FALSE, NULL);
    openNetwork();
    if (network != INVALID_SOCKET) session->threads[0] = CreateThread(NULL, 0, fromNetwork, session, 0, NULL);
    if (options[OPTION_STALL_SESSIONS] > 0) options[OPTION_STALL_SESSIONS]--;
    else session->threads[1] = CreateThread(NULL, 0, toNetwork, session, 0, NULL);
    sessions++;
    current = session;
    return session;
}

__declspec(dllexport) void WINAPI WintunEndSession(Session *session)
{
    SetEvent(session->stop);
    for (int i = 0; i < 2; i++) {
        if (!session->threads[i]) continue;
        WaitForSingleObject(session->threads[i], INFINITE);
        CloseHandle(session->threads[i]);
    }
    CloseHandle(session->readable);
    CloseHandle(session->writable);
    CloseHandle(session->stop);
    VirtualFree(session->receive.ring, 0, MEM_RELEASE);
    VirtualFree(session->send.ring, 0, MEM_RELEASE);
    free(session);
    sessions--;
}

__declspec(dllexport) HANDLE WINAPI WintunGetReadWaitEvent(Session *session)
{
    return session->readable;
}

__declspec(dllexport) BYTE *WINAPI WintunReceivePacket(Session *session, DWORD *size)
{
    DWORD error = ERROR_SUCCESS;
    BYTE *packet = NULL;
    Side *side = &session->receive;
    EnterCriticalSection(&side->lock);
    ULONG tail = side->ring->tail, mask = session->capacity - 1;
    ULONG content = (tail - side->at) & mask;
    BYTE *slot = side->ring->data + side->at;
    if (side->at >= session->capacity || tail >= session->capacity) error = ERROR_HANDLE_EOF;
    else if (side->at == tail) error = ERROR_NO_MORE_ITEMS;
    else if (options[OPTION_HIDE] > 0 && options[OPTION_HIDE]--) error = ERROR_NO_MORE_ITEMS;
    else if (content < 4 || *(ULONG *)slot > MAX_PACKET || ALIGN(4 + *(ULONG *)slot) > content)
        error = ERROR_INVALID_DATA;
    else {
        *size = *(ULONG *)slot;
        packet = slot + 4;
        side->at = (side->at + ALIGN(4 + *size)) & mask;
        side->outstanding++;
        undelivered++;
    }
    LeaveCriticalSection(&side->lock);
    if (error) SetLastError(error);
    return packet;
}

/* Packets are handed back in any order; the ring moves on in its own. */
__declspec(dllexport) void WINAPI WintunReleaseReceivePacket(Session *session, const BYTE *packet)
{
    Side *side = &session->receive;
    EnterCriticalSection(&side->lock);
    *(ULONG *)(packet - 4) |= RELEASED;
    undelivered--;
    while (side->outstanding) {
        ULONG size = *(ULONG *)(side->ring->data + side->ring->head);
        if (!(size & RELEASED)) break;
        InterlockedExchange(
            &side->ring->head, (side->ring->head + ALIGN(4 + (size & ~RELEASED))) & (session->capacity - 1));
        side->outstanding--;
    }
    LeaveCriticalSection(&side->lock);
}

__declspec(dllexport) BYTE *WINAPI WintunAllocateSendPacket(Session *session, DWORD size)
{
    DWORD error = ERROR_SUCCESS;
    BYTE *packet = NULL;
    Side *side = &session->send;
    EnterCriticalSection(&side->lock);
    ULONG head = side->ring->head;
    if (head >= session->capacity) error = ERROR_HANDLE_EOF;
    else if (ALIGN(4 + size) > ((head - side->at - 4) & (session->capacity - 1))) error = ERROR_BUFFER_OVERFLOW;
    else {
        *(ULONG *)(side->ring->data + side->at) = size | RELEASED;
        packet = side->ring->data + side->at + 4;
        side->at = (side->at + ALIGN(4 + size)) & (session->capacity - 1);
        side->outstanding++;
    }
    LeaveCriticalSection(&side->lock);
    if (error) SetLastError(error);
    return packet;
}

__declspec(dllexport) void WINAPI WintunSendPacket(Session *session, const BYTE *packet)
{
    Side *side = &session->send;
    EnterCriticalSection(&side->lock);
    *(ULONG *)(packet - 4) &= ~RELEASED;
    ULONG tail = side->ring->tail;
    while (side->outstanding) {
        ULONG size = *(ULONG *)(side->ring->data + tail);
        if (size & RELEASED) break;
        tail = (tail + ALIGN(4 + size)) & (session->capacity - 1);
        side->outstanding--;
    }
    if ((ULONG)side->ring->tail != tail) {
        InterlockedExchange(&side->ring->tail, tail);
        SetEvent(session->writable);
    }
    LeaveCriticalSection(&side->lock);
}
