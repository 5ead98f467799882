/*
 * What the coordinator writes into lines of its log for the supervisor that runs the bus.
 */
#ifndef COMMON_WIRE_LOG_SIGNS_H
#define COMMON_WIRE_LOG_SIGNS_H

/* The bus answers for some streams and never for others. */
#define LOG_BUS_STUCK "\"bus\":\"stuck\""

/* Before AGENT/STORE and a quote: that store floods the bus. */
#define LOG_FLOOD "\"flood\":\""

#endif
