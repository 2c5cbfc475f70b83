# syntax=docker/dockerfile:1

FROM golang:1.26.8-alpine AS build
WORKDIR /src
# The modules change seldom: a layer of their own.
COPY go.mod go.sum ./
RUN go mod download && go mod verify
COPY . .
# The Playground's build is committed and embedded: no Node here.
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /muster ./server

FROM alpine:3.23
# Root certificates come with the base image; time zones with the binary (it uses UTC only).
RUN adduser -D -H -u 65532 muster
COPY --from=build /muster /usr/local/bin/muster
USER 65532:65532
# There is no PostgreSQL in here: the image serves with DATABASE_URL, and says so in one line without it.
ENV MUSTER_ADDR=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/healthz"]
ENTRYPOINT ["/usr/local/bin/muster"]
