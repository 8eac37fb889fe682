/*
 * A stand-in for the calls of iphlpapi.dll that change something: writes down what it is asked, one line a call, in the
 * file that SEALNIC_STANDIN_IPHLPAPI names, and remembers in a file beside it, over processes, what is there.
 * SEALNIC_STANDIN_REFUSED ("address", "route", "interface" or "dns") is refused as to a user without rights. The structures are those of mingw-w64's headers, but for DNS_INTERFACE_SETTINGS, which
 * these do not have and which is declared here as Microsoft documents it.
 */
#define _WIN32_WINNT 0x0a00
#include <winsock2.h>
#include <ws2ipdef.h>
#include <ws2tcpip.h>
#include <windows.h>
#include <netioapi.h>
#include <stdarg.h>
#include <stdio.h>

#define MAX_KNOWN 64

typedef struct {
    ULONG Version;
    ULONG64 Flags;
    PWSTR Domain, NameServer, SearchList;
    ULONG RegistrationEnabled, RegisterAdapterName, EnableLLMNR, QueryAdapterName;
    PWSTR ProfileNameServer;
} DnsSettings;

static char known[MAX_KNOWN][128];

static void record(const char *format, ...)
{
    char path[MAX_PATH];
    va_list arguments;
    GetEnvironmentVariableA("SEALNIC_STANDIN_IPHLPAPI", path, MAX_PATH);
    FILE *file = fopen(path, "ab");
    va_start(arguments, format);
    vfprintf(file, format, arguments);
    va_end(arguments);
    fputc('\n', file);
    fclose(file);
}

static void statePath(char *path)
{
    GetEnvironmentVariableA("SEALNIC_STANDIN_IPHLPAPI", path, MAX_PATH);
    strcat(path, ".state");
}

static void readState(void)
{
    char path[MAX_PATH + 8];
    statePath(path);
    memset(known, 0, sizeof known);
    FILE *file = fopen(path, "rb");
    for (int i = 0; file && i < MAX_KNOWN && fgets(known[i], sizeof known[i], file); i++)
        known[i][strcspn(known[i], "\n")] = 0;
    if (file) fclose(file);
}

static void writeState(void)
{
    char path[MAX_PATH + 8];
    statePath(path);
    FILE *file = fopen(path, "wb");
    for (int i = 0; i < MAX_KNOWN; i++)
        if (known[i][0]) fprintf(file, "%s\n", known[i]);
    fclose(file);
}

static BOOL refused(const char *kind)
{
    char kinds[64];
    return GetEnvironmentVariableA("SEALNIC_STANDIN_REFUSED", kinds, sizeof kinds) && !strcmp(kinds, kind);
}

typedef void(WINAPI *Changed)(void *context, void *row, int type);
static struct {
    Changed callback;
    void *context;
} watchers[8];

static DWORD WINAPI tellWatchers(void *unused)
{
    for (int i = 0; i < 8; i++)
        if (watchers[i].callback) watchers[i].callback(watchers[i].context, NULL, 0);
    return 0;
}

/* On a thread that the program does not know, as Windows does. */
static void tell(void)
{
    HANDLE thread = CreateThread(NULL, 0, tellWatchers, NULL, 0, NULL);
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
}

/* Addresses and routes that exist, so that a second one and one that is gone are answered as Windows does. */
static DWORD change(BOOL make, const char *what)
{
    int unused = -1;
    readState();
    for (int i = 0; i < MAX_KNOWN; i++) {
        if (!known[i][0]) unused = i;
        else if (!strcmp(known[i], what)) {
            if (make) return ERROR_OBJECT_ALREADY_EXISTS;
            known[i][0] = 0;
            writeState();
            tell();
            return NO_ERROR;
        }
    }
    if (!make) return ERROR_NOT_FOUND;
    strcpy(known[unused], what);
    writeState();
    tell();
    return NO_ERROR;
}

static void addressText(const SOCKADDR_INET *address, char *text)
{
    const BYTE *bytes = address->si_family == AF_INET ? (const BYTE *)&address->Ipv4.sin_addr
                                                      : (const BYTE *)&address->Ipv6.sin6_addr;
    int count = address->si_family == AF_INET ? 4 : address->si_family == AF_INET6 ? 16 : 0;
    *text = 0;
    for (int i = 0; i < count; i++) text += sprintf(text, "%02x", bytes[i]);
    if (!count) sprintf(text, "family%d", address->si_family);
}

static DWORD changeAddress(BOOL make, const MIB_UNICASTIPADDRESS_ROW *row)
{
    char address[64], what[128];
    addressText(&row->Address, address);
    sprintf(what, "address %s/%d luid %llx", address, row->OnLinkPrefixLength, row->InterfaceLuid.Value);
    DWORD result = refused("address") ? ERROR_ACCESS_DENIED : change(make, what);
    record("%s %s lifetime %lx state %d: %lu", make ? "add" : "remove", what, row->ValidLifetime, row->DadState,
           result);
    return result;
}

static DWORD changeRoute(BOOL make, const MIB_IPFORWARD_ROW2 *row)
{
    char destination[64], hop[64], what[128];
    addressText(&row->DestinationPrefix.Prefix, destination);
    addressText(&row->NextHop, hop);
    sprintf(what, "route %s/%d luid %llx", destination, row->DestinationPrefix.PrefixLength, row->InterfaceLuid.Value);
    DWORD result = refused("route") ? ERROR_ACCESS_DENIED : change(make, what);
    record("%s %s by %s metric %lu protocol %d lifetime %lx: %lu", make ? "add" : "remove", what, hop, row->Metric,
           row->Protocol, row->ValidLifetime, result);
    return result;
}

__declspec(dllexport) void WINAPI StandInInitializeAddress(MIB_UNICASTIPADDRESS_ROW *row)
{
    memset(row, 0, sizeof *row);
    row->ValidLifetime = row->PreferredLifetime = 0xffffffff;
    row->OnLinkPrefixLength = 255;
}

__declspec(dllexport) DWORD WINAPI StandInCreateAddress(const MIB_UNICASTIPADDRESS_ROW *row)
{
    return changeAddress(TRUE, row);
}

__declspec(dllexport) DWORD WINAPI StandInDeleteAddress(const MIB_UNICASTIPADDRESS_ROW *row)
{
    return changeAddress(FALSE, row);
}

__declspec(dllexport) void WINAPI StandInInitializeRoute(MIB_IPFORWARD_ROW2 *row)
{
    memset(row, 0, sizeof *row);
    row->ValidLifetime = row->PreferredLifetime = 0xffffffff;
    row->Metric = 0xffffffff;
}

__declspec(dllexport) DWORD WINAPI StandInCreateRoute(const MIB_IPFORWARD_ROW2 *row)
{
    return changeRoute(TRUE, row);
}

__declspec(dllexport) DWORD WINAPI StandInDeleteRoute(const MIB_IPFORWARD_ROW2 *row)
{
    return changeRoute(FALSE, row);
}

__declspec(dllexport) void WINAPI StandInInitializeInterface(MIB_IPINTERFACE_ROW *row)
{
    memset(row, 0xff, sizeof *row);
}

/* An interface with IPv4 and, for every other LUID but 0x6, IPv6. */
__declspec(dllexport) DWORD WINAPI StandInGetInterface(MIB_IPINTERFACE_ROW *row)
{
    if (row->Family == AF_INET6 && row->InterfaceLuid.Value == 6) return ERROR_NOT_FOUND;
    row->UseAutomaticMetric = TRUE;
    row->Metric = 25;
    row->NlMtu = 65535;
    row->SitePrefixLength = 64;
    row->DadTransmits = 3;
    row->Connected = TRUE;
    return NO_ERROR;
}

__declspec(dllexport) DWORD WINAPI StandInSetInterface(const MIB_IPINTERFACE_ROW *row)
{
    record("interface family %d luid %llx automatic %d metric %lu mtu %lu probes %lu site %lu connected %d", row->Family,
           row->InterfaceLuid.Value, row->UseAutomaticMetric, row->Metric, row->NlMtu, row->DadTransmits,
           row->SitePrefixLength, row->Connected);
    if (refused("interface")) return ERROR_ACCESS_DENIED;
    return row->Family == AF_INET && row->SitePrefixLength ? ERROR_INVALID_PARAMETER : NO_ERROR;
}

__declspec(dllexport) DWORD WINAPI StandInLuidToGuid(const NET_LUID *luid, GUID *guid)
{
    memset(guid, 0, sizeof *guid);
    guid->Data1 = (DWORD)(luid->Value >> 24);
    return NO_ERROR;
}

__declspec(dllexport) DWORD WINAPI StandInSetDns(GUID guid, const DnsSettings *settings)
{
    record("dns guid %lx version %lu flags %llx servers \"%ls\" search \"%ls\"", guid.Data1, settings->Version,
           settings->Flags, settings->NameServer, settings->SearchList);
    if (refused("dns")) return ERROR_ACCESS_DENIED;
    return settings->Domain || settings->ProfileNameServer ? ERROR_INVALID_PARAMETER : NO_ERROR;
}

__declspec(dllexport) DWORD WINAPI StandInNotify(ADDRESS_FAMILY family, Changed callback, void *context,
                                                 BOOLEAN initial, HANDLE *registration)
{
    for (ULONG_PTR i = 0; i < 8; i++) {
        if (watchers[i].callback) continue;
        watchers[i].callback = callback;
        watchers[i].context = context;
        *registration = (HANDLE)(i + 1);
        return family || initial ? ERROR_INVALID_PARAMETER : NO_ERROR;
    }
    return ERROR_NOT_ENOUGH_MEMORY;
}

__declspec(dllexport) DWORD WINAPI StandInCancelNotify(HANDLE registration)
{
    watchers[(ULONG_PTR)registration - 1].callback = NULL;
    record("watch %d ends", (int)(ULONG_PTR)registration);
    return NO_ERROR;
}
