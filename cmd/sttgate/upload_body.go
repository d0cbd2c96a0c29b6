package main

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/textproto"
	"strings"
)

// counted tells how much of a body has been read.
func (u uploader) counted(r io.Reader) io.Reader { return &countedReader{r: r, sent: u.sent} }

type countedReader struct {
	r    io.Reader
	n    int64
	sent func(int64)
}

func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.n += int64(n); n > 0 && c.sent != nil {
		c.sent(c.n)
	}
	return n, err
}

// multipart is a form with the file in one part and, where given, a config in
// another. The length is known beforehand, so that the gateway can judge it from the headers.
func (u uploader) multipart(part, config string) (body io.Reader, contentType string, size int64) {
	var head, tail bytes.Buffer
	w := multipart.NewWriter(&head)
	// Writing into a buffer does not fail.
	if config != "" {
		_ = w.WriteField("config", config)
	}
	h := textproto.MIMEHeader{}
	name := strings.NewReplacer("\\", "\\\\", `"`, "\\\"", "\r", "", "\n", "").Replace(u.file.name)
	h.Set("Content-Disposition", `form-data; name="`+part+`"; filename="`+name+`"`)
	h.Set("Content-Type", "application/octet-stream")
	_, _ = w.CreatePart(h)
	tail.WriteString("\r\n--" + w.Boundary() + "--\r\n")
	size = int64(head.Len()+tail.Len()) + u.file.size
	return io.MultiReader(&head, u.counted(u.file.data), &tail), w.FormDataContentType(), size
}
